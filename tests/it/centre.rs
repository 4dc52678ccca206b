//! The configuration of a test's contact centre: what all tests share is written here once, and each adds what it is about.

/// The number callers dial, and the queue it leads to.
pub const SERVICE: &str = "12345";
pub const QUEUE: &str = "main";

/// Sections of a configuration, in the order they were added.
pub struct Centre(String);

impl Centre {
    /// A gateway that listens at these addresses, with further keys of `[sip]`, and stores at `store`.
    pub fn new(listen: &[&str], sip: &str, store: &str) -> Centre {
        Centre(format!("[sip]\nlisten = {listen:?}\n{sip}\n[store]\npath = {store:?}\n"))
    }

    /// gRPC and HTTP at these addresses.
    pub fn served(self, grpc: &str, http: &str) -> Centre {
        self.with(&format!("[grpc]\nlisten = \"{grpc}\"\n[http]\nlisten = \"{http}\"\n"))
    }

    /// Whole sections as they are.
    pub fn with(mut self, sections: &str) -> Centre {
        self.0 += sections;
        self.0 += "\n";
        self
    }

    /// A trunk that calls from these sources.
    pub fn trunk(self, name: &str, sources: &[&str], keys: &str) -> Centre {
        self.with(&format!("[[trunk]]\nname = \"{name}\"\nsources = {sources:?}\n{keys}"))
    }

    /// Seats with all extensions from the first to the last.
    pub fn seats(self, first: u32, last: u32, keys: &str) -> Centre {
        self.with(&format!("[[seat]]\nrange = \"{first}-{last}\"\n{keys}"))
    }

    /// One seat.
    pub fn seat(self, extension: u32, keys: &str) -> Centre {
        self.with(&format!("[[seat]]\nid = \"{extension}\"\n{keys}"))
    }

    /// The queue of all tests, and the service number that leads to it, each with its keys.
    pub fn queue(self, queue_keys: &str, service_keys: &str) -> Centre {
        let queue = self.with(&format!("[[queue]]\nname = \"{QUEUE}\"\n{queue_keys}"));
        queue.service(SERVICE, service_keys)
    }

    /// A further service number of that queue.
    pub fn service(self, number: &str, keys: &str) -> Centre {
        self.with(&format!("[[service]]\nnumber = \"{number}\"\nqueue = \"{QUEUE}\"\n{keys}"))
    }

    /// The file.
    pub fn text(self) -> String {
        self.0
    }
}
