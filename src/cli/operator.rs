//! `hotline operator`: what the configuration needs of an operator.

use crate::config::{PIN_DIGITS, PinHash};
use std::io::{BufRead, Write};

/// The longest line read: a PIN and its end, with room to see that it is too long.
const LINE: u64 = 64;

/// What is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Read a PIN from the input and print its hash, for `pin_hash` of an [[operator]]. A PIN on the command line would stand
    /// in the list of processes and in the shell's history.
    Hash,
}

/// Runs the command.
///
/// # Errors
/// One line about what is wrong and the cure.
pub(super) fn run(args: &Args, input: impl BufRead, out: &mut impl Write) -> Result<(), String> {
    match args.what {
        What::Hash => hash(input, out),
    }
}

fn hash(input: impl BufRead, out: &mut impl Write) -> Result<(), String> {
    let mut line = String::new();
    let read = input.take(LINE).read_line(&mut line);
    read.map_err(|e| format!("cannot read the PIN: {e}: write it and press Enter"))?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| format!("no random numbers: {e}: look at the system"))?;
    let (least, most) = (PIN_DIGITS.start(), PIN_DIGITS.end());
    let hash = PinHash::new(line.trim_end_matches(['\r', '\n']), salt)
        .ok_or_else(|| format!("this is no PIN: write {least} to {most} digits"))?;
    writeln!(out, "{hash}").map_err(|e| format!("cannot print: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_printed_that_the_configuration_reads_and_no_pin() {
        let mut out = Vec::new();
        run(&Args { what: What::Hash }, "4711\n".as_bytes(), &mut out).unwrap();
        let printed = String::from_utf8(out).unwrap();
        assert!(PinHash::parse(printed.trim_end()).unwrap().is_of("4711"), "{printed}");
        for wrong in ["", "123\n", "12345678901234\n", "zhang\n"] {
            let refused = run(&Args { what: What::Hash }, wrong.as_bytes(), &mut Vec::new()).unwrap_err();
            assert_eq!(refused, "this is no PIN: write 4 to 12 digits");
        }
    }
}
