//! The file of the sign: a line of JSON, and behind it the octets of the streams.

use super::{Place, Sign, Stage, Streams};
use crate::time::{Duration, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The form of the file. Another one is not read.
const FORM: u32 = 1;

/// The longest file that is read: the streams of every port there is, twice.
const LONGEST: u64 = 8 * 1024 * 1024;

/// The streams hold the addresses of peers.
const OWNER_ONLY: u32 = 0o600;

/// The line.
#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    boot_id: String,
    machine_id: String,
    since_boot_ns: u64,
    at_ns: u64,
    pid: u32,
    streams_read_at_ns: u64,
    stage: WrittenStage,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenStage {
    Resuming { died_before: u32, attempts: BTreeMap<String, u32> },
    Settled,
    Ended,
}

/// Writes beside and renames: there is never half a file.
pub(super) fn write(store: &Path, sign: &Sign) -> io::Result<()> {
    let head = Head {
        version: FORM,
        boot_id: sign.place.boot.clone(),
        machine_id: sign.place.machine.clone(),
        since_boot_ns: nanos(sign.since_boot),
        at_ns: sign.wall.0,
        pid: sign.pid,
        streams_read_at_ns: nanos(sign.streams.read_at),
        stage: written(&sign.stage),
    };
    let mut octets = serde_json::to_vec(&head).map_err(io::Error::other)?;
    octets.push(b'\n');
    octets.extend_from_slice(&sign.streams.octets);
    let new = beside(store, ".life.new");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(OWNER_ONLY).open(&new)?;
    file.write_all(&octets)?;
    fs::rename(new, beside(store, ".life"))
}

pub(super) fn read(store: &Path) -> Option<Sign> {
    let mut octets = Vec::new();
    let file = File::open(beside(store, ".life")).ok()?;
    file.take(LONGEST + 1).read_to_end(&mut octets).ok()?;
    let end = octets.iter().position(|octet| *octet == b'\n')?;
    if octets.len() as u64 > LONGEST {
        return None;
    }
    let head: Head = serde_json::from_slice(octets.get(..end)?).ok()?;
    if head.version != FORM {
        return None;
    }
    let read_at = Duration::from_nanos(head.streams_read_at_ns);
    Some(Sign {
        place: Place { boot: head.boot_id, machine: head.machine_id },
        since_boot: Duration::from_nanos(head.since_boot_ns),
        wall: Wall(head.at_ns),
        pid: head.pid,
        stage: stage(head.stage),
        streams: Streams { read_at, octets: octets.split_off(end + 1) },
    })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn written(stage: &Stage) -> WrittenStage {
    match stage {
        Stage::Resuming { died_before, attempts } => WrittenStage::Resuming {
            died_before: *died_before,
            attempts: attempts.iter().map(|(call, n)| (call.to_string(), *n)).collect(),
        },
        Stage::Settled => WrittenStage::Settled,
        Stage::Ended => WrittenStage::Ended,
    }
}

fn stage(written: WrittenStage) -> Stage {
    match written {
        WrittenStage::Resuming { died_before, attempts } => {
            // What is no call's id was not written by us, and means no call.
            let attempts = attempts.into_iter().filter_map(|(call, n)| Some((call.parse().ok()?, n)));
            Stage::Resuming { died_before, attempts: attempts.collect() }
        }
        WrittenStage::Settled => Stage::Settled,
        WrittenStage::Ended => Stage::Ended,
    }
}

fn beside(store: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CallId, Random};
    use crate::io::store::tests::Place as Directory;
    use std::os::unix::fs::PermissionsExt;

    fn sign(stage: Stage) -> Sign {
        Sign::now(&Place::here(), &stage, &Streams::now(vec![0, b'\n', 255, b'{']))
    }

    #[test]
    fn a_sign_is_read_as_it_was_left_and_the_newest_counts() {
        let directory = Directory::new();
        assert_eq!(read(&directory.store()), None, "there is none at first");
        let call = CallId::new(Wall(7), &mut Random::from_number(1));
        let attempts = BTreeMap::from([(call, 2)]);
        for stage in [Stage::Resuming { died_before: 1, attempts }, Stage::Settled, Stage::Ended] {
            let sign = sign(stage);
            sign.leave(&directory.store()).unwrap();
            assert_eq!(Sign::last(&directory.store()), Some(sign));
        }
        let about = fs::metadata(beside(&directory.store(), ".life")).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, OWNER_ONLY);
    }

    #[test]
    fn a_file_of_another_form_or_cut_off_is_no_sign() {
        let directory = Directory::new();
        sign(Stage::Settled).leave(&directory.store()).unwrap();
        let path = beside(&directory.store(), ".life");
        let whole = fs::read(&path).unwrap();
        let end = whole.iter().position(|octet| *octet == b'\n').unwrap();
        for length in 0..=end {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(read(&directory.store()), None, "{length} octets");
        }
        let text = String::from_utf8_lossy(&whole).replace("\"version\":1", "\"version\":2");
        fs::write(&path, text).unwrap();
        assert_eq!(read(&directory.store()), None);
    }
}
