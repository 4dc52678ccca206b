//! `hotline callback`: what is owed no longer, told to a running gateway.

use super::block::user;
use super::contract::{Gateway, refused};
use crate::event::wire::v1;
use v1::callback_service_client::CallbackServiceClient;

/// What is done with a callback.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The citizen was reached by other means.
    Done(Which),
    /// No call is owed any more.
    Cancel(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    #[command(flatten)]
    gateway: Gateway,
    /// The number in any of its spellings, or the id that `hotline calls --callback-due` shows.
    callback: String,
    /// The one who says so; the user of this machine when absent.
    #[arg(long)]
    by: Option<String>,
}

/// Closes a callback.
pub async fn run(args: Args) -> Result<(), String> {
    match args.what {
        What::Done(which) => {
            let (gateway, (callback_id, number, by)) = asked(which);
            let mut client = CallbackServiceClient::new(gateway.connect().await?);
            let request = v1::CompleteCallbackRequest { callback_id, number, by };
            client.complete_callback(request).await.map_err(|s| refused(&s))?;
        }
        What::Cancel(which) => {
            let (gateway, (callback_id, number, by)) = asked(which);
            let mut client = CallbackServiceClient::new(gateway.connect().await?);
            let request = v1::CancelCallbackRequest { callback_id, number, by };
            client.cancel_callback(request).await.map_err(|s| refused(&s))?;
        }
    }
    Ok(())
}

/// The gateway, and what it is told: an id, or a number, and who says so.
fn asked(which: Which) -> (Gateway, (String, String, String)) {
    let by = which.by.unwrap_or_else(user);
    // An id has 32 hexadecimal digits, a number never more than 20.
    match which.callback.parse::<crate::id::CallbackId>() {
        Ok(id) => (which.gateway, (id.to_string(), String::new(), by)),
        Err(_) => (which.gateway, (String::new(), which.callback, by)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_named_by_its_id_or_by_its_number() {
        let told = |callback: &str| {
            let gateway = Gateway::at("127.0.0.1:1".parse().unwrap(), "none".into());
            asked(Which { gateway, callback: callback.into(), by: Some("desk".into()) }).1
        };
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(told(id), (id.to_owned(), String::new(), "desk".to_owned()));
        for number in ["+8613812341234", "138-1234-1234", "95588"] {
            assert_eq!(told(number), (String::new(), number.to_owned(), "desk".to_owned()));
        }
    }
}
