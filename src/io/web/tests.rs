use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const REQUEST: Duration = Duration::from_millis(500);
const SILENCE: Duration = Duration::from_secs(1);
/// What takes longer will not come.
const WITHIN: Duration = Duration::from_secs(20);

/// A listener with room for four connections, two of them from one source.
struct Listening {
    at: SocketAddr,
    web: Arc<Web>,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

async fn listening(protocol: Protocol) -> Listening {
    let (names, places) = match protocol {
        Protocol::Http1 => (Names::HTTP, Places::of(4, 2)),
        Protocol::Http2 => (Names::GRPC, Places::of(4, 2)),
    };
    let timeouts = Timeouts { request: REQUEST, silence: SILENCE };
    let web = Arc::new(Web { protocol, timeouts, places: Arc::new(places), counts: Counts::of(names) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let router = Router::new().route("/", axum::routing::get(async || "here"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve(listener, web.clone(), router, stopped));
    Listening { at, web, stop, task }
}

/// What comes until the connection is closed.
async fn heard(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = timeout(WITHIN, stream.read_to_end(&mut all)).await.expect("the connection is closed");
    all
}

#[tokio::test]
async fn a_connection_on_which_no_whole_request_comes_is_cut_and_counted() {
    let beginnings: [(Protocol, &[u8]); 6] = [
        (Protocol::Http1, b""),
        (Protocol::Http1, b"GET / HT"),
        (Protocol::Http1, b"GET / HTTP/1.1\r\nHost: a\r\nX: "),
        (Protocol::Http2, b""),
        (Protocol::Http2, b"PRI * HTTP/2.0\r\n\r\n"),
        (Protocol::Http2, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
    ];
    for (protocol, text) in beginnings {
        let listening = listening(protocol).await;
        let mut stream = TcpStream::connect(listening.at).await.unwrap();
        stream.write_all(text).await.unwrap();
        heard(stream).await;
        assert_eq!(listening.web.ended(Ended::Silent), 1, "{protocol:?} {text:?}");
    }
}

#[tokio::test]
async fn a_connection_may_ask_again_and_is_cut_when_it_no_longer_asks() {
    let listening = listening(Protocol::Http1).await;
    let mut stream = TcpStream::connect(listening.at).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"here") {
            assert!(timeout(WITHIN, stream.read_buf(&mut answer)).await.unwrap().unwrap() > 0);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    }
    assert_eq!(listening.web.ended(Ended::Silent), 0);
    assert_eq!(heard(stream).await, b"");
    assert_eq!(listening.web.ended(Ended::Silent), 1);
}

#[tokio::test]
async fn connections_beyond_a_limit_are_closed_at_once_and_counted() {
    let listening = listening(Protocol::Http2).await;
    let mut open = Vec::new();
    for (source, why) in
        [(2, None), (2, None), (2, Some(Ended::SourceFull)), (3, None), (3, None), (4, Some(Ended::Full))]
    {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, source], 0))).unwrap();
        let stream = socket.connect(listening.at).await.unwrap();
        match why {
            None => open.push(stream),
            Some(why) => {
                heard(stream).await;
                assert_eq!(listening.web.ended(why), 1);
            }
        }
    }
    drop(open);
}

#[tokio::test]
async fn an_accepted_connection_sends_small_answers_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    assert!(!stream.nodelay().unwrap(), "the system's default");
    for web in [Web::http(&Config::embedded()), Web::grpc(&Config::embedded())] {
        let line = web.admit(&stream, peer).expect("there is room");
        assert!(stream.nodelay().unwrap());
        drop(line);
    }
}

#[tokio::test]
async fn a_stop_ends_the_listener_and_its_connections() {
    let listening = listening(Protocol::Http1).await;
    let stream = TcpStream::connect(listening.at).await.unwrap();
    listening.stop.send(()).unwrap();
    timeout(WITHIN, listening.task).await.expect("it ends").unwrap();
    assert_eq!(heard(stream).await, b"");
    assert!(TcpStream::connect(listening.at).await.is_err());
}

#[test]
fn a_client_with_the_token_and_one_that_watches_may_be_silent() {
    let places = Arc::new(Places::of(2, 2));
    let take = || places.take(std::net::IpAddr::from([192, 0, 2, 1]).into()).unwrap();
    let timeouts = Timeouts { request: Duration::from_secs(10), silence: Duration::from_secs(20) };
    let began = Instant::now();
    let after = |secs| began + Duration::from_secs(secs);
    let line = Arc::new(Line::new(take(), timeouts, began));
    assert_eq!(line.patience_left(after(4)), Duration::from_secs(6), "for its first request");
    assert!(line.patience_left(after(10)).is_zero());
    let watched = line.watch();
    assert_eq!(line.patience_left(after(100)), Duration::from_secs(20), "to look again");
    drop(watched);
    assert!(line.patience_left(Instant::now()) > Duration::from_secs(15), "from the end of the stream on");
    assert!(line.patience_left(after(100)).is_zero());
    line.prove();
    assert!(!line.patience_left(after(1_000)).is_zero());
}
