//! `SubscriptionService`: making, moving and looking at named subscriptions.

use super::super::store::{Parked, Subscription};
use super::Shared;
use super::convert::{blocking, cursor, failed, page_size, timestamp};
use super::filter::Filter;
use super::start::check_name;
use crate::event::wire::v1;
use prost::Message;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use v1::subscription_service_server::SubscriptionService;

pub(crate) struct Subscriptions(pub(super) Arc<Shared>);

impl Shared {
    /// A stored subscription, every ack so far included.
    pub(super) async fn subscription(&self, name: &str) -> Result<Option<Subscription>, Status> {
        self.journal.flush().await.map_err(failed)?;
        let (reader, name) = (self.feed.reader().clone(), name.to_owned());
        blocking(move || reader.subscription(&name)).await
    }

    async fn known(&self, name: &str) -> Result<v1::Subscription, Status> {
        let stored = self.subscription(name).await?.ok_or_else(|| unknown(name))?;
        Ok(self.message(stored))
    }

    fn message(&self, s: Subscription) -> v1::Subscription {
        v1::Subscription {
            behind: self.feed.head().saturating_sub(s.acked),
            filter: v1::EventFilter::decode(&s.filter[..]).ok(),
            acked: Some(cursor(&self.log_id_text, s.acked)),
            created_at: Some(timestamp(s.created_at)),
            acked_at: Some(timestamp(s.acked_at)),
            consumer_id: self.leases.consumer(&s.name).unwrap_or_default(),
            parked: s.parked,
            name: s.name,
        }
    }
}

fn unknown(name: &str) -> Status {
    Status::not_found(format!("no subscription {name:?}"))
}

fn parked(p: Parked) -> v1::ParkedEvent {
    v1::ParkedEvent {
        event: v1::CallEvent::decode(p.body).ok(),
        parked_at: Some(timestamp(p.at)),
        reason: p.reason,
        redriving: p.redriving,
    }
}

#[tonic::async_trait]
impl SubscriptionService for Subscriptions {
    async fn create_subscription(
        &self,
        request: Request<v1::CreateSubscriptionRequest>,
    ) -> Result<Response<v1::CreateSubscriptionResponse>, Status> {
        let asked = request.into_inner();
        check_name(&asked.name)?;
        let filter = asked.filter.unwrap_or_default();
        Filter::new(&filter)?;
        let (log, position) = (self.0.log(), asked.position);
        let begin = blocking(move || log.begin(position.as_ref(), None)).await?;
        let made = self.0.journal.create_subscription(&asked.name, filter.encode_to_vec(), begin.after);
        if !made.await.map_err(failed)? {
            return Err(Status::already_exists(format!("there is a subscription {:?}", asked.name)));
        }
        let subscription = Some(self.0.known(&asked.name).await?);
        Ok(Response::new(v1::CreateSubscriptionResponse { subscription }))
    }

    async fn get_subscription(
        &self,
        request: Request<v1::GetSubscriptionRequest>,
    ) -> Result<Response<v1::GetSubscriptionResponse>, Status> {
        let subscription = Some(self.0.known(&request.into_inner().name).await?);
        Ok(Response::new(v1::GetSubscriptionResponse { subscription }))
    }

    async fn list_subscriptions(
        &self,
        _: Request<v1::ListSubscriptionsRequest>,
    ) -> Result<Response<v1::ListSubscriptionsResponse>, Status> {
        let reader = self.0.feed.reader().clone();
        let all = blocking(move || reader.subscriptions()).await?;
        let subscriptions = all.into_iter().map(|s| self.0.message(s)).collect();
        Ok(Response::new(v1::ListSubscriptionsResponse { subscriptions }))
    }

    async fn delete_subscription(
        &self,
        request: Request<v1::DeleteSubscriptionRequest>,
    ) -> Result<Response<v1::DeleteSubscriptionResponse>, Status> {
        let name = request.into_inner().name;
        if !self.0.journal.delete_subscription(&name).await.map_err(failed)? {
            return Err(unknown(&name));
        }
        self.0.leases.end(&name, "the subscription was deleted");
        Ok(Response::new(v1::DeleteSubscriptionResponse {}))
    }

    async fn seek_subscription(
        &self,
        request: Request<v1::SeekSubscriptionRequest>,
    ) -> Result<Response<v1::SeekSubscriptionResponse>, Status> {
        let asked = request.into_inner();
        let stored = self.0.subscription(&asked.name).await?.ok_or_else(|| unknown(&asked.name))?;
        let (log, position) = (self.0.log(), asked.position);
        let begin = blocking(move || log.begin(position.as_ref(), Some(stored.acked))).await?;
        // The stream ends first: an ack it still takes must not undo the seek.
        self.0.leases.end(&asked.name, "the subscription was moved: resume");
        if !self.0.journal.seek_subscription(&asked.name, begin.after).await.map_err(failed)? {
            return Err(unknown(&asked.name));
        }
        let subscription = Some(self.0.known(&asked.name).await?);
        Ok(Response::new(v1::SeekSubscriptionResponse { subscription }))
    }

    async fn list_parked_events(
        &self,
        request: Request<v1::ListParkedEventsRequest>,
    ) -> Result<Response<v1::ListParkedEventsResponse>, Status> {
        let asked = request.into_inner();
        self.0.known(&asked.name).await?;
        let reader = self.0.feed.reader().clone();
        let limit = page_size(asked.page_size, 100, 1_000);
        let events = blocking(move || reader.parked(&asked.name, asked.after_position, false, limit)).await?;
        let events = events.into_iter().map(parked).collect();
        Ok(Response::new(v1::ListParkedEventsResponse { events }))
    }

    async fn redrive_parked_events(
        &self,
        request: Request<v1::RedriveParkedEventsRequest>,
    ) -> Result<Response<v1::RedriveParkedEventsResponse>, Status> {
        let asked = request.into_inner();
        self.0.known(&asked.name).await?;
        let count = self.0.journal.redrive(&asked.name, asked.positions).await.map_err(failed)?;
        self.0.leases.wake(&asked.name);
        Ok(Response::new(v1::RedriveParkedEventsResponse { count }))
    }
}
