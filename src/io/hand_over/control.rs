//! The socket in the state directory by which the commands of this machine speak to the gateway that runs: one order a
//! connection, one line each way. Its file is its owner's alone.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// Its name in the state directory.
const NAME: &str = "control";

/// Orders that may be under way: one at work, and some for people who try again.
const AT_ONCE: usize = 4;

/// An order comes whole within this time.
const ORDERED_WITHIN: Duration = Duration::from_secs(2);

/// The longest order.
const LONGEST: u64 = 64;

/// The longest answer: every mistake of a configuration.
const LONGEST_ANSWER: u64 = 1024 * 1024;

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Hand over to the build and the configuration that stand there now.
    Upgrade,
    /// Drain and stop.
    Stop,
    /// Stop at once, and leave every call to the next start.
    StopKeepingCalls,
}

impl Order {
    const ALL: [Order; 3] = [Order::Upgrade, Order::Stop, Order::StopKeepingCalls];

    fn word(self) -> &'static str {
        match self {
            Order::Upgrade => "upgrade",
            Order::Stop => "stop",
            Order::StopKeepingCalls => "stop keep-calls",
        }
    }

    fn of(word: &str) -> Option<Order> {
        Order::ALL.into_iter().find(|order| order.word() == word)
    }
}

/// An order, and who waits for what becomes of it.
#[derive(Debug)]
pub struct Asked {
    /// What is asked for.
    pub order: Order,
    /// Who asked.
    pub asker: Asker,
}

/// The connection of a command that waits. When it closes without a word, the process is gone.
#[derive(Debug)]
pub struct Asker(StdStream);

impl Asker {
    /// The asker of an order that the process before was given.
    pub fn adopted(stream: StdStream) -> Asker {
        Asker(stream)
    }

    /// The order is carried out.
    pub fn done(mut self, text: &str) {
        let _ = writeln!(self.0, "done {}", one_line(text));
    }

    /// The order is not carried out.
    pub fn failed(mut self, why: &str) {
        let _ = writeln!(self.0, "failed {}", one_line(why));
    }

    /// The connection, for the next process.
    pub fn into_stream(self) -> StdStream {
        self.0
    }
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("; ")
}

/// The orders that come in. Its file goes with it.
pub struct Control {
    orders: mpsc::Receiver<Asked>,
    path: PathBuf,
}

impl Control {
    /// Listens in the state directory. The holder of the store's lock owns the name: a file of the process before is replaced.
    ///
    /// # Errors
    /// The socket cannot be made there.
    pub fn listen(state_directory: &Path) -> io::Result<Control> {
        let path = state_directory.join(NAME);
        let _ = fs::remove_file(&path);
        let listener = StdListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        let (sender, orders) = mpsc::channel(AT_ONCE);
        tokio::spawn(accept(listener, sender));
        Ok(Control { orders, path })
    }

    /// The next order.
    pub async fn next(&mut self) -> Option<Asked> {
        self.orders.recv().await
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, orders: mpsc::Sender<Asked>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let place = places.clone().acquire_owned().await;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = orders.closed() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors: wait for some to come back rather than spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let orders = orders.clone();
        tokio::spawn(async move {
            if let Ok(Some(asked)) = timeout(ORDERED_WITHIN, ordered(stream)).await {
                let _ = orders.send(asked).await;
            }
            drop(place);
        });
    }
}

async fn ordered(mut stream: UnixStream) -> Option<Asked> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") && (line.len() as u64) < LONGEST {
        line.push(stream.read_u8().await.ok()?);
    }
    let stream = stream.into_std().ok()?;
    // An answer is one short line; a command that does not read it holds nothing up.
    stream.set_nonblocking(false).ok()?;
    stream.set_write_timeout(Some(ORDERED_WITHIN)).ok()?;
    let asker = Asker(stream);
    match std::str::from_utf8(&line).ok().and_then(|line| Order::of(line.trim_end())) {
        Some(order) => Some(Asked { order, asker }),
        None => {
            asker.failed("the running gateway does not know this order: it is of another version");
            None
        }
    }
}

/// Gives an order to the gateway whose state directory this is, and waits for its answer, at most so long.
///
/// # Errors
/// There is no gateway, or the order was not carried out; why.
pub fn ask(state_directory: &Path, order: Order, patience: Duration) -> Result<String, String> {
    let path = state_directory.join(NAME);
    let no_gateway = |e: io::Error| {
        format!(
            "{}: {e}: is `hotline serve` running, and is this its user and configuration?",
            path.display()
        )
    };
    let mut stream = StdStream::connect(&path).map_err(no_gateway)?;
    stream.set_read_timeout(Some(patience)).map_err(no_gateway)?;
    writeln!(stream, "{}", order.word()).map_err(no_gateway)?;
    let mut line = String::new();
    let read = BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut line);
    read.map_err(|e| {
        format!("the gateway did not answer within {} s: {e}: its log says why", patience.as_secs())
    })?;
    match line.trim_end().split_once(' ') {
        Some(("done", text)) => Ok(text.to_owned()),
        Some(("failed", why)) => Err(why.to_owned()),
        Some(_) | None => match order {
            // The connection closes with the process.
            Order::Stop | Order::StopKeepingCalls => Ok("stopped".to_owned()),
            Order::Upgrade => Err("the gateway ended before it was ready: its log says why".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::store::tests::Place;

    async fn asked(directory: &Path, order: Order) -> Result<String, String> {
        let directory = directory.to_owned();
        tokio::task::spawn_blocking(move || ask(&directory, order, Duration::from_secs(20))).await.unwrap()
    }

    #[tokio::test]
    async fn an_order_arrives_and_its_answer_goes_back() {
        let place = Place::new();
        let directory = place.store().parent().unwrap().to_owned();
        let mut control = Control::listen(&directory).unwrap();
        let mode = fs::metadata(directory.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let answers = async {
            for expected in Order::ALL {
                let Asked { order, asker } = control.next().await.unwrap();
                assert_eq!(order, expected);
                match order {
                    Order::Upgrade => asker.failed("no\nroom"),
                    Order::Stop => asker.done("well"),
                    Order::StopKeepingCalls => drop(asker),
                }
            }
        };
        let asks = async {
            assert_eq!(asked(&directory, Order::Upgrade).await, Err("no; room".into()));
            assert_eq!(asked(&directory, Order::Stop).await, Ok("well".into()));
            assert_eq!(asked(&directory, Order::StopKeepingCalls).await, Ok("stopped".into()));
        };
        tokio::join!(answers, asks);
        drop(control);
        assert!(asked(&directory, Order::Stop).await.unwrap_err().contains("hotline serve"));
    }

    #[tokio::test]
    async fn an_unknown_order_is_refused_and_a_silent_connection_holds_no_order_up() {
        let place = Place::new();
        let directory = place.store().parent().unwrap().to_owned();
        let mut control = Control::listen(&directory).unwrap();
        let path = directory.join(NAME);
        let _silent = StdStream::connect(&path).unwrap();
        let mut unknown = StdStream::connect(&path).unwrap();
        writeln!(unknown, "dance").unwrap();
        let answer = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(unknown).read_line(&mut line).map(|_| line)
        });
        let Ok(Ok(line)) = answer.await else { panic!("no answer") };
        assert!(line.starts_with("failed "), "{line}");
        let order = asked(&directory, Order::Stop);
        let (answer, ()) = tokio::join!(order, async { control.next().await.unwrap().asker.done("well") });
        assert_eq!(answer, Ok("well".into()));
    }
}
