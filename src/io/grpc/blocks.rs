//! `BlockListService`: nuisance callers, changed at run time. Stored first, then told to the gateway, then answered.

use super::Shared;
use super::convert::{blocking, failed, timestamp, wall};
use crate::caller::{BlockAction, BlockEntry, History, HistoryKey, HistorySecret, LONGEST, normalise};
use crate::event::wire::v1;
use crate::gateway::BlockChange;
use crate::redact::masked_number;
use crate::time::Wall;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use v1::block_list_service_server::BlockListService;

/// Longest reason, in characters.
const REASON: usize = 200;
/// Longest name of who decided, in characters.
pub(super) const BY: usize = 64;

/// What the service needs beside the store: the key of numbers, and the gateway's ear.
pub struct BlockListParts {
    /// The key under which numbers are kept.
    pub secret: HistorySecret,
    /// The country and area codes of the trunks: a number means what it means on one of them.
    pub codes: Vec<(String, Option<String>)>,
    /// Tells the gateway; `false` when it cannot hear at present.
    pub tell: Box<dyn Fn(BlockChange) -> bool + Send + Sync>,
}

pub(crate) struct Blocks(pub(super) Arc<Shared>);

impl Blocks {
    fn parts(&self) -> Result<&BlockListParts, Status> {
        self.0.block_list.get().ok_or_else(|| Status::unavailable("the gateway is starting"))
    }

    fn told(&self, change: BlockChange) -> Result<(), Status> {
        let told = (self.parts()?.tell)(change);
        if told {
            return Ok(());
        }
        Err(Status::unavailable("stored, but the gateway is too busy to hear of it: send it again"))
    }
}

#[tonic::async_trait]
impl BlockListService for Blocks {
    async fn add_block(
        &self,
        request: Request<v1::AddBlockRequest>,
    ) -> Result<Response<v1::AddBlockResponse>, Status> {
        let entry = entry(&request.into_inner(), self.parts()?, now())?;
        self.0.journal.add_block(entry.clone()).await.map_err(failed)?;
        let (block, key) = (Some(message(&entry)), entry.key);
        self.told(BlockChange::Added(entry))?;
        let (reply, history) = tokio::sync::oneshot::channel();
        let reply = |found| _ = reply.send(found);
        self.0.journal.history(key, now(), Box::new(reply));
        // The number is on the list whether or not its calls could be counted.
        let calls_30d = history.await.ok().map(|found: History| found.calls_30d);
        Ok(Response::new(v1::AddBlockResponse { block, calls_30d }))
    }

    async fn list_blocks(
        &self,
        _: Request<v1::ListBlocksRequest>,
    ) -> Result<Response<v1::ListBlocksResponse>, Status> {
        let reader = self.0.feed.reader().clone();
        let blocks = blocking(move || reader.blocks()).await?.iter().map(message).collect();
        Ok(Response::new(v1::ListBlocksResponse { blocks }))
    }

    async fn remove_block(
        &self,
        request: Request<v1::RemoveBlockRequest>,
    ) -> Result<Response<v1::RemoveBlockResponse>, Status> {
        let asked = request.into_inner();
        let by = named(&asked.by, "by", BY)?;
        let parts = self.parts()?;
        let key = HistoryKey::of_number(&number(&asked.number, &parts.codes)?, &parts.secret);
        let was_stored = self.0.journal.remove_block(key).await.map_err(failed)?;
        // Told also where nothing was stored: a first try may have taken it from the disk and found the gateway not listening.
        self.told(BlockChange::Removed { key, by: by.into() })?;
        match was_stored {
            true => Ok(Response::new(v1::RemoveBlockResponse {})),
            false => Err(Status::not_found("this number is not on the block list")),
        }
    }
}

/// The key of a number in any of its spellings.
pub(super) fn key_of(shared: &Shared, text: &str) -> Result<HistoryKey, Status> {
    let parts = shared.block_list.get().ok_or_else(|| Status::unavailable("the gateway is starting"))?;
    Ok(HistoryKey::of_number(&number(text, &parts.codes)?, &parts.secret))
}

fn now() -> Wall {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn entry(asked: &v1::AddBlockRequest, parts: &BlockListParts, now: Wall) -> Result<BlockEntry, Status> {
    let number = number(&asked.number, &parts.codes)?;
    let action = match asked.action() {
        v1::BlockAction::Warn => BlockAction::Warn,
        v1::BlockAction::Slow => BlockAction::Slow,
        v1::BlockAction::Block => BlockAction::Block,
        v1::BlockAction::Unspecified => return Err(Status::invalid_argument("action is missing")),
    };
    let until = asked.until.as_ref().map(wall).unwrap_or_default();
    if until <= now || until > now + LONGEST {
        return Err(Status::invalid_argument("until is in the future, at most 366 days from now"));
    }
    Ok(BlockEntry {
        key: HistoryKey::of_number(&number, &parts.secret),
        masked: masked_number(&number).into(),
        action,
        until,
        reason: named(&asked.reason, "reason", REASON)?.into(),
        by: named(&asked.by, "by", BY)?.into(),
        added_at: now,
    })
}

/// The number as callers' numbers are known: in its normal form, as it is meant on the trunks; a number that has none on
/// any of them by its digits.
fn number(text: &str, codes: &[(String, Option<String>)]) -> Result<String, Status> {
    let mut forms: Vec<_> =
        codes.iter().filter_map(|(country, area)| normalise(text, country, area.as_deref())).collect();
    forms.sort();
    forms.dedup();
    match &forms[..] {
        [form] => return Ok(form.as_str().to_owned()),
        [_, _, ..] => {
            let cure = "this number means another line on each trunk: write it with its country code, +8675582345678";
            return Err(Status::invalid_argument(cure));
        }
        [] => {}
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if (2..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(Status::invalid_argument("number is a telephone number, like +8613812341234, or digits alone"))
}

pub(super) fn named<'a>(text: &'a str, what: &str, most: usize) -> Result<&'a str, Status> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Status::invalid_argument(format!("{what} has 1 to {most} characters on one line")));
    }
    Ok(text)
}

fn message(entry: &BlockEntry) -> v1::Block {
    let action = match entry.action {
        BlockAction::Warn => v1::BlockAction::Warn,
        BlockAction::Slow => v1::BlockAction::Slow,
        BlockAction::Block => v1::BlockAction::Block,
    };
    v1::Block {
        masked_number: entry.masked.to_string(),
        action: action.into(),
        until: Some(timestamp(entry.until)),
        reason: entry.reason.to_string(),
        by: entry.by.to_string(),
        added_at: Some(timestamp(entry.added_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::store::tests::{Place, open};
    use super::super::Services;
    use super::*;
    use std::sync::Mutex;
    use tonic::Code;

    const NOW: Wall = Wall(1_800_000_000_000_000_000);

    fn asked() -> v1::AddBlockRequest {
        v1::AddBlockRequest {
            number: "+8613812341234".into(),
            action: v1::BlockAction::Slow.into(),
            until: Some(prost_types::Timestamp { seconds: 1_800_003_600, nanos: 0 }),
            reason: " shouts ".into(),
            by: "desk".into(),
        }
    }

    fn parts(codes: &[(&str, Option<&str>)]) -> BlockListParts {
        let codes = codes.iter().map(|(country, area)| ((*country).into(), area.map(Into::into))).collect();
        BlockListParts { secret: HistorySecret::new([7; 32]), codes, tell: Box::new(|_| true) }
    }

    #[test]
    fn a_number_is_known_in_each_of_its_spellings_as_a_caller_is() {
        let shenzhen = parts(&[("86", Some("755")), ("86", None)]);
        let form = |text| number(text, &shenzhen.codes).map_err(|e| e.message().to_owned());
        for text in ["+8613812341234", "13812341234", "138 1234-1234", "008613812341234", "013812341234"] {
            assert_eq!(form(text).as_deref(), Ok("+8613812341234"), "{text}");
        }
        assert_eq!(form("82345678").as_deref(), Ok("+8675582345678"), "a local number of the one area");
        assert_eq!(form("95588").as_deref(), Ok("95588"), "a short code has no other form");
        let two = parts(&[("86", Some("755")), ("86", Some("20"))]);
        let unclear = number("82345678", &two.codes).expect_err("two areas");
        assert!(unclear.message().contains("country code"), "{unclear}");
        assert!(number("+8675582345678", &two.codes).is_ok());
    }

    #[test]
    fn an_entry_keeps_the_key_and_the_ends_of_the_number_and_not_the_number() {
        let parts = parts(&[("86", None)]);
        let made = entry(&asked(), &parts, NOW).unwrap();
        assert_eq!(made.key, HistoryKey::of_number("+8613812341234", &parts.secret));
        assert_eq!(
            (&*made.masked, &*made.reason.to_string(), made.action),
            ("+86*******1234", "shouts", BlockAction::Slow)
        );
        assert!(!format!("{made:?}").contains("13812341234"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let parts = parts(&[("86", None)]);
        let wrong: [fn(&mut v1::AddBlockRequest); 7] = [
            |a| a.number = "138 x234".into(),
            |a| a.number = String::new(),
            |a| a.action = 0,
            |a| a.until = None,
            |a| a.until = Some(prost_types::Timestamp { seconds: 1_900_000_000, nanos: 0 }),
            |a| a.reason = String::new(),
            |a| a.by = "x".repeat(65),
        ];
        for change in wrong {
            let mut request = asked();
            change(&mut request);
            let refused = entry(&request, &parts, NOW).expect_err("it is wrong");
            assert_eq!(refused.code(), Code::InvalidArgument, "{request:?}");
        }
    }

    #[tokio::test]
    async fn a_removal_the_gateway_could_not_hear_reaches_it_when_it_is_sent_again() {
        let place = Place::new();
        let (journal, _) = open(&place);
        let services = Services::new(&journal, "secret".into());
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = told.clone();
        // It hears of the entry, is busy once, and listens again.
        let tell = Box::new(move |change| {
            let mut told = hears.lock().unwrap();
            told.push(change);
            told.len() != 2
        });
        services.keep_block_list(BlockListParts { tell, ..parts(&[("86", None)]) });
        let blocks = Blocks(services.shared.clone());
        let until = prost_types::Timestamp { seconds: (now().0 / 1_000_000_000) as i64 + 3600, nanos: 0 };
        let add = v1::AddBlockRequest { until: Some(until), ..asked() };
        blocks.add_block(Request::new(add)).await.unwrap();
        let remove = || Request::new(v1::RemoveBlockRequest { number: asked().number, by: "lead".into() });
        let busy = blocks.remove_block(remove()).await.expect_err("the gateway is busy");
        assert_eq!(busy.code(), Code::Unavailable);
        assert!(journal.reader().blocks().unwrap().is_empty(), "it is off the disk");
        let gone = blocks.remove_block(remove()).await.expect_err("it is on the disk no more");
        assert_eq!(gone.code(), Code::NotFound);
        let told = told.lock().unwrap();
        assert!(
            matches!(told[..], [_, BlockChange::Removed { .. }, BlockChange::Removed { .. }]),
            "{told:?}"
        );
    }
}
