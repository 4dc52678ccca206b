//! From one process to the next without closing a socket: the next build, or the same with another configuration, takes over in
//! this very process by exec, with the listening sockets, the sockets of media and the lock of the store.
//!
//! What cannot be handed over is a connection: TCP, TLS and WebSocket end with the process that spoke them, and phones come
//! back. A process that dies between exec and its first word is what any killed one is: the next start resumes its calls.

mod adopt;
mod control;
mod descriptors;
mod successor;

pub use adopt::{Adopted, adopt};
pub use control::{Asked, Asker, Control, Order, ask};
pub use descriptors::{Descriptor, Role};
pub use successor::{Held, Successor};
