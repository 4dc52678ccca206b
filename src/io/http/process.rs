//! What the system says of this process: read from `/proc/self`, which a service without other privileges may read too.

use std::fs;

/// Clock ticks in a second as `/proc` counts them: USER_HZ, 100 on every architecture the gateway is built for.
const TICKS: f64 = 100.0;

/// Figures of the process. What cannot be read is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Process {
    /// Processor time used, in seconds.
    pub(super) cpu: Option<f64>,
    /// Memory in use, in bytes.
    pub(super) resident: Option<u64>,
    /// Address space, in bytes.
    pub(super) address_space: Option<u64>,
    /// Threads.
    pub(super) threads: Option<u64>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u64>,
    /// The soft limit of file descriptors.
    pub(super) max_fds: Option<u64>,
}

impl Process {
    /// As it is now.
    pub(super) fn read() -> Process {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Process {
            cpu: cpu(&stat),
            resident: kibibytes(&status, "VmRSS:"),
            address_space: kibibytes(&status, "VmSize:"),
            threads: number_after(&status, "Threads:"),
            // The descriptor the directory is read by is one of them.
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|all| (all.count() as u64).saturating_sub(1)),
            max_fds: number_after(&limits, "Max open files"),
        }
    }
}

/// User and system time: the 14th and 15th field of `stat`, counted behind the name, which may hold anything.
fn cpu(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some((user + system) as f64 / TICKS)
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    number_after(text, name).map(|n| n * 1024)
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let before = Process::read();
        let file = fs::File::open("/proc/self/stat").unwrap();
        let process = Process::read();
        assert!(process.cpu.is_some_and(|s| s < 36_000.0), "{process:?}");
        assert!(process.resident.is_some_and(|bytes| bytes > 1_000_000), "{process:?}");
        assert!(process.address_space >= process.resident && process.threads >= Some(1), "{process:?}");
        // Tests beside this one open files as well: never fewer than one, never more than the limit.
        assert!(process.open_fds >= Some(1) && process.open_fds <= process.max_fds, "{process:?} {before:?}");
        drop(file);
    }

    #[test]
    fn the_times_are_found_behind_a_name_with_brackets() {
        let stat = "7 (a) b) (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(cpu(stat), Some(3.0));
        assert_eq!(cpu("garbage"), None);
    }
}
