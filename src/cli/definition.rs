//! What the command line says of itself: completions for shells, and manual pages. Both come from its own definition, so
//! that they name what the program of this version takes.

use clap::{Command, ValueEnum};
use clap_complete::aot::{Bash, Fish, Generator, Zsh};
use clap_mangen::Man;
use std::io::{ErrorKind, Write};

/// For which shell.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Which page.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Page {
    /// The page of this command; that of the program when absent.
    command: Option<String>,
}

/// Prints the completions.
pub(super) fn completions(
    args: &Completions,
    mut program: Command,
    out: &mut dyn Write,
) -> Result<(), String> {
    program.set_bin_name("hotline");
    program.build();
    // Into memory first: the generators take a writer that fails for a bug.
    let mut text = Vec::new();
    match args.shell {
        Shell::Bash => Bash.generate(&program, &mut text),
        Shell::Zsh => Zsh.generate(&program, &mut text),
        Shell::Fish => Fish.generate(&program, &mut text),
    }
    written(out.write_all(&text))
}

/// Prints a manual page.
pub(super) fn page(args: &Page, mut program: Command, out: &mut dyn Write) -> Result<(), String> {
    program.build();
    let command = match &args.command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            let known: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
            found.ok_or_else(|| format!("there is no command {name:?}: choose from {}", known.join(", ")))?
        }
    };
    let mut text = Vec::new();
    written(Man::new(command).render(&mut text).and_then(|()| out.write_all(&text)))
}

fn written(done: std::io::Result<()>) -> Result<(), String> {
    match done {
        // A reader that went away has seen enough.
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write: {e}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        <super::super::Hotline as clap::CommandFactory>::command()
    }

    #[test]
    fn each_shell_completes_every_command_and_its_flags() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut out = Vec::new();
            completions(&Completions { shell }, program(), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            for word in ["serve", "check", "events", "block", "config", "follow", "token-file"] {
                assert!(text.contains(word), "{shell:?}: {word}");
            }
        }
    }

    #[test]
    fn the_page_names_every_command_and_each_command_has_a_page() {
        let page = |command: Option<&str>| {
            let mut out = Vec::new();
            let done = page(&Page { command: command.map(str::to_owned) }, program(), &mut out);
            // A minus is written `\-` there.
            done.map(|()| String::from_utf8(out).unwrap().replace('\\', ""))
        };
        let whole = page(None).unwrap();
        let commands: Vec<String> = program().get_subcommands().map(|c| c.get_name().to_owned()).collect();
        for name in &commands {
            assert!(whole.contains(&format!("hotline-{name}(1)")), "{name}: {whole}");
            let own = page(Some(name)).unwrap();
            assert!(own.contains(&format!(".TH hotline-{name} 1")), "{own}");
        }
        assert!(page(Some("sevre")).unwrap_err().contains("serve"));
    }
}
