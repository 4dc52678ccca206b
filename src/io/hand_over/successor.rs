//! The build that takes over: the program at the path this process was started by, with the same arguments.

use super::adopt::VARIABLE;
use super::descriptors::{Descriptor, leave};
use rustix::fs::{MemfdFlags, memfd_create};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A check that takes longer has failed: large prompts are read within a second.
const CHECKED_WITHIN: Duration = Duration::from_secs(20);

/// How often is looked whether the check has ended.
const LOOK: Duration = Duration::from_millis(10);

/// As much is read of what it says: every mistake of a configuration.
const LONGEST: u64 = 1024 * 1024;

/// What this process holds, so that the check does not take it for another program's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The journal's file.
    pub store: PathBuf,
    /// The listeners, each as it is configured: `udp:127.0.0.1:5060`.
    pub listeners: Vec<String>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Successor {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Successor {
    /// The program of this process, by the path it was started by: what stands there when it is asked for is the next build.
    /// To be called before anything changes the working directory.
    ///
    /// # Errors
    /// The path cannot be told.
    pub fn of_this_process() -> io::Result<Successor> {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_default();
        let program = match resolved(&name, env::var_os("PATH").as_deref()) {
            Some(program) => std::path::absolute(program)?,
            None => env::current_exe()?,
        };
        Ok(Successor { program, arguments: arguments.collect() })
    }

    /// Asks the program whether it can take over: `check --successor` on the configuration that stands there now. Gives what it
    /// said of itself.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub async fn check(&self, config: Option<&Path>, held: &Held) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.args(["check", "--successor", "--held-store"]).arg(&held.store);
        held.listeners.iter().for_each(|listener| {
            command.arg("--held").arg(listener);
        });
        if let Some(file) = config {
            command.arg("--config").arg(file);
        }
        // What it may say to the supervisor is not said of this process.
        command.env_remove("NOTIFY_SOCKET").env_remove(VARIABLE).stdin(Stdio::null());
        let program = self.program.display().to_string();
        let ran = tokio::task::spawn_blocking(move || run(command)).await;
        let Said { status, text } = match ran {
            Ok(Ok(said)) => said,
            Ok(Err(e)) => return Err(format!("{program} cannot be run: {e}")),
            Err(e) => return Err(format!("{program} cannot be run: {e}")),
        };
        if status.success() {
            return Ok(text);
        }
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Err(if lines.is_empty() { format!("{program} check: {status}") } else { lines.join("; ") })
    }

    /// Becomes the program, with these descriptors. Returns only when that failed; the descriptors are closed then. To be called
    /// on the main thread, when nothing else of this process runs any more.
    pub fn exec(&self, descriptors: &[Descriptor]) -> io::Error {
        let map = match leave(descriptors) {
            Ok(map) => map,
            Err(e) => return e,
        };
        let left = format!("{}:{}", std::process::id(), map.as_raw_fd());
        let name = env::args_os().next().unwrap_or_default();
        Command::new(&self.program).arg0(name).args(&self.arguments).env(VARIABLE, left).exec()
    }
}

/// What a program said before it ended.
struct Said {
    status: ExitStatus,
    text: String,
}

/// Runs it to its end, or ends it. What it says goes to a file of memory: a pipe that is full would hold it up.
fn run(mut command: Command) -> io::Result<Said> {
    let mut file = File::from(memfd_create("hotline-check", MemfdFlags::CLOEXEC)?);
    let mut child = command.stdout(file.try_clone()?).stderr(file.try_clone()?).spawn()?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > CHECKED_WITHIN {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("it takes longer than {} s", CHECKED_WITHIN.as_secs())));
        }
        std::thread::sleep(LOOK);
    };
    let mut text = Vec::new();
    file.rewind()?;
    file.take(LONGEST).read_to_end(&mut text)?;
    Ok(Said { status, text: String::from_utf8_lossy(&text).into_owned() })
}

/// The file that a shell runs for `name`.
fn resolved(name: &OsStr, path: Option<&OsStr>) -> Option<PathBuf> {
    if name.is_empty() {
        return None;
    }
    if name.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(name));
    }
    env::split_paths(path?).map(|directory| directory.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_start_is_kept_also_where_it_is_a_link() {
        let directory = env::temp_dir().join(format!("hotline-successor-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let link = directory.join("hotline");
        std::os::unix::fs::symlink("/bin/true", &link).unwrap();
        let path = env::join_paths([Path::new("/nonexistent"), &directory]).unwrap();
        assert_eq!(resolved(OsStr::new("hotline"), Some(&path)), Some(link.clone()));
        assert_eq!(resolved(link.as_os_str(), None), Some(link.clone()));
        assert_eq!(resolved(OsStr::new("hotline-of-no-path"), Some(&path)), None);
        assert_eq!(resolved(OsStr::new(""), Some(&path)), None);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[tokio::test]
    async fn a_program_that_is_gone_or_refuses_is_said_to_be() {
        let held = Held { store: "journal.db".into(), listeners: vec!["udp:127.0.0.1:0".into()] };
        let successor = |program: &str| Successor { program: program.into(), arguments: Vec::new() };
        let gone = successor("/nonexistent/hotline").check(None, &held).await.unwrap_err();
        assert!(gone.starts_with("/nonexistent/hotline cannot be run: "), "{gone}");
        let refused = successor("/bin/false").check(None, &held).await.unwrap_err();
        assert!(refused.contains("exit status: 1"), "{refused}");
        let said = successor("/bin/echo").check(Some(Path::new("x.toml")), &held).await.unwrap();
        assert_eq!(
            said,
            "check --successor --held-store journal.db --held udp:127.0.0.1:0 --config x.toml\n"
        );
    }
}
