//! `CallRecordService`: one record, or a page of them.

use super::super::store::{StoredRecord, Wanted};
use super::Shared;
use super::convert::{blocking, page_size, wall};
use crate::event::CallState;
use crate::event::wire::{self, v1};
use crate::id::CallId;
use prost::Message;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use v1::call_record_service_server::CallRecordService;

pub(crate) struct Calls(pub(super) Arc<Shared>);

#[tonic::async_trait]
impl CallRecordService for Calls {
    async fn get_call_record(
        &self,
        request: Request<v1::GetCallRecordRequest>,
    ) -> Result<Response<v1::GetCallRecordResponse>, Status> {
        let text = request.into_inner().call_id;
        let call: CallId =
            text.parse().map_err(|_| Status::invalid_argument("call_id is a UUID as events carry it"))?;
        let reader = self.0.feed.reader().clone();
        let record = blocking(move || reader.record(call)).await?;
        let record = record.ok_or_else(|| Status::not_found(format!("no call {call}")))?;
        Ok(Response::new(v1::GetCallRecordResponse { record: Some(wire::record_message(&record)) }))
    }

    async fn list_call_records(
        &self,
        request: Request<v1::ListCallRecordsRequest>,
    ) -> Result<Response<v1::ListCallRecordsResponse>, Status> {
        let asked = request.into_inner();
        let limit = page_size(asked.page_size, 50, 500);
        let wanted = wanted(asked)?;
        let reader = self.0.feed.reader().clone();
        let mut page = blocking(move || reader.records(&wanted, limit + 1)).await?;
        let more = page.len() > limit;
        page.truncate(limit);
        let next_page_token = match page.last() {
            Some(last) if more => last.place.to_string(),
            _ => String::new(),
        };
        let records = page.into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(Response::new(v1::ListCallRecordsResponse { records, next_page_token }))
    }
}

fn record(stored: StoredRecord) -> Result<v1::CallRecord, Status> {
    v1::CallRecord::decode(stored.body).map_err(|_| Status::data_loss("a stored record is unreadable"))
}

fn wanted(asked: v1::ListCallRecordsRequest) -> Result<Wanted, Status> {
    let filter = asked.filter.unwrap_or_default();
    let text = |t: String| (!t.is_empty()).then_some(t);
    let behind = match asked.page_token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|_| Status::invalid_argument("page_token is not one we gave"))?),
    };
    Ok(Wanted {
        state: state(filter.state())?,
        queue: text(filter.queue),
        service_number: text(filter.service_number),
        seat: text(filter.seat),
        caller: text(filter.caller),
        callback_due: filter.callback_due,
        received_from: filter.received_from.as_ref().map(wall),
        received_before: filter.received_before.as_ref().map(wall),
        updated_since: asked.updated_since.as_ref().map(wall),
        newest_first: asked.newest_first,
        behind,
    })
}

fn state(state: v1::CallState) -> Result<Option<CallState>, Status> {
    if state == v1::CallState::Unspecified {
        return Ok(None);
    }
    wire::call_state(state).map(Some).map_err(|_| Status::invalid_argument("no such state of a call"))
}
