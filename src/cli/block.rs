//! `hotline block`: the block list of a running gateway.

use super::contract::{Gateway, refused};
use crate::config::duration;
use crate::event::wire::v1;
use std::time::{Duration, SystemTime};
use v1::block_list_service_client::BlockListServiceClient;

/// What is done with the block list.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Put a number on the list, or change what stands there of it.
    Add(Add),
    /// Print the list.
    List(Reached),
    /// Take a number off the list.
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct Reached {
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    gateway: Gateway,
    /// The number in any of its spellings, like +8613812341234 or 138-1234-1234.
    number: String,
    /// What is done with its calls.
    #[arg(long, value_enum)]
    action: Action,
    /// For how long, like 24h; at most 366 days.
    #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
    lasts: Duration,
    /// Why, without personal data.
    #[arg(long)]
    reason: String,
    /// The one who decides it; the user of this machine when absent.
    #[arg(long)]
    by: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    gateway: Gateway,
    /// The number in any of its spellings.
    number: String,
    /// The one who decides it; the user of this machine when absent.
    #[arg(long)]
    by: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Action {
    /// The call is marked for the operator.
    Warn,
    /// The call rings ten seconds before it is answered.
    Slow,
    /// The call is refused.
    Block,
}

/// Changes or prints the list.
pub async fn run(args: Args) -> Result<(), String> {
    match args.what {
        What::Add(add) => added(add).await,
        What::List(reached) => listed(reached).await,
        What::Remove(remove) => removed(remove).await,
    }
}

async fn added(add: Add) -> Result<(), String> {
    let mut client = BlockListServiceClient::new(add.gateway.connect().await?);
    let action = match add.action {
        Action::Warn => v1::BlockAction::Warn,
        Action::Slow => v1::BlockAction::Slow,
        Action::Block => v1::BlockAction::Block,
    };
    let asked = v1::AddBlockRequest {
        number: add.number,
        action: action.into(),
        until: Some((SystemTime::now() + add.lasts).into()),
        reason: add.reason,
        by: add.by.unwrap_or_else(user),
    };
    let added = client.add_block(asked).await.map_err(|s| refused(&s))?.into_inner();
    let block = added.block.unwrap_or_default();
    println!("{}", line(&block));
    if let Some(calls) = added.calls_30d {
        println!("{}", matched(&block.masked_number, calls));
    }
    Ok(())
}

/// What the number was found to be: a slip of the finger shows as a number that never called.
fn matched(masked_number: &str, calls_30d: u32) -> String {
    let calls = match calls_30d {
        0 => "no call".to_owned(),
        1 => "1 call".to_owned(),
        n => format!("{n} calls"),
    };
    format!("matches {calls} of {masked_number} in the last 30 days")
}

async fn listed(reached: Reached) -> Result<(), String> {
    let mut client = BlockListServiceClient::new(reached.gateway.connect().await?);
    let list = client.list_blocks(v1::ListBlocksRequest {}).await.map_err(|s| refused(&s))?.into_inner();
    for block in &list.blocks {
        println!("{}", line(block));
    }
    Ok(())
}

async fn removed(remove: Remove) -> Result<(), String> {
    let mut client = BlockListServiceClient::new(remove.gateway.connect().await?);
    let asked = v1::RemoveBlockRequest { number: remove.number, by: remove.by.unwrap_or_else(user) };
    client.remove_block(asked).await.map_err(|s| refused(&s))?;
    Ok(())
}

pub(super) fn user() -> String {
    std::env::var("USER").ok().filter(|u| !u.is_empty()).unwrap_or_else(|| "command line".to_owned())
}

fn line(b: &v1::Block) -> String {
    let action = b.action().as_str_name().trim_start_matches("BLOCK_ACTION_").to_ascii_lowercase();
    let until = b.until.map(|t| prost_types::Timestamp { nanos: 0, ..t }.to_string()).unwrap_or_default();
    format!("{:<16}  {action:<5}  until {until}  by {}: {}", b.masked_number, b.by, b.reason)
}

fn lasting(text: &str) -> Result<Duration, String> {
    duration::read(text).ok_or_else(|| "write it like 30m, 24h or 720h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_number_matches_is_said_in_words() {
        assert_eq!(matched("+86*******1234", 0), "matches no call of +86*******1234 in the last 30 days");
        assert_eq!(matched("955**", 1), "matches 1 call of 955** in the last 30 days");
        assert!(matched("955**", 12).starts_with("matches 12 calls"));
    }

    #[test]
    fn a_line_shows_what_is_done_until_when_by_whom_and_why() {
        let block = v1::Block {
            masked_number: "+86*******1234".into(),
            action: v1::BlockAction::Slow.into(),
            until: Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 5 }),
            reason: "shouts".into(),
            by: "desk".into(),
            added_at: None,
        };
        assert_eq!(line(&block), "+86*******1234    slow   until 2027-01-15T08:00:00Z  by desk: shouts");
    }
}
