//! From a configuration and a starting point to a running gateway.

use super::access::Access;
use super::calls::Calls;
use super::confirmation::Confirmations;
use super::context::CallContext;
use super::durable::Journal;
use super::nuisance::Callers;
use super::phones::Phones;
use super::recovery::Left;
use super::routes::Routes;
use super::seats::Seats;
use super::signalling::Signalling;
use super::trace::Tracer;
use super::trunking::Trunking;
use super::{Gateway, Output, Pending, Start};
use crate::acd::{Acd, AcdConfig, QueueRules};
use crate::call::{MediaAddresses, PeerRules, QueueVoice, Rules, ServiceRules};
use crate::callback::{Callback, RecoveryList, Terms};
use crate::config::{Authenticate, Config, RINGBACK};
use crate::dialplan::Dialplan;
use crate::event::Sequence;
use crate::media::Towards;
use crate::sdp::Codec;
use crate::sip::access::Names;
use crate::sip::{AccessControl, Advertised, EndpointConfig, Expiry, Registrar};
use crate::snapshot::{SeatSnapshot, Snapshot};
use crate::time::{Duration, Now};
use std::collections::HashMap;
use std::sync::Arc;

/// How long a presentation waits for the look-up, from the INVITE on.
const LOOK_UP_DEADLINE: Duration = Duration::from_millis(300);

impl Gateway {
    /// A gateway that goes on where the journal ends. The first outputs close what a crash left open.
    pub fn new(config: &Config, start: Start, now: Now, out: &mut Vec<Output>) -> Gateway {
        let mut random = start.random;
        let seats = seats_of(&start.snapshots);
        let advertised = advertised(config);
        // Each part draws from a random stream of its own, forked in this order: a seed replays.
        let trunking = Trunking::new(config, &start.trunk_passwords, now, &mut random);
        let endpoint = EndpointConfig { advertised: advertised.clone(), ..EndpointConfig::default() };
        let signalling = Signalling::new(endpoint, random.fork());
        let registrar = Registrar::new(config.sip.realm.clone(), start.accounts, random.fork())
            .known_by(Names::new(&config.sip))
            .granting(expiry(&config.registrar));
        let acd = Acd::new(acd_config(config), random.fork());
        let sequence = Sequence::new(start.head, random.fork());
        let owed = recovery_list(config, start.callbacks, now);
        let mut gateway = Gateway {
            signalling,
            access: Access::new(access_control(config), registrar, Names::new(&config.sip)),
            trunking,
            phones: Phones::new(config),
            seats: Seats::new(config),
            callers: Callers::new(config.limits.slow_after, start.history_secret),
            dialplan: Dialplan::new(config),
            confirmations: Confirmations::default(),
            acd,
            calls: Calls::new(services(config), config.limits.calls as usize),
            routes: Routes::default(),
            journal: Journal::new(config),
            context: CallContext::new(rules(config, &advertised), sequence, random, owed),
            tracer: Tracer::default(),
            pending: Pending::default(),
        };
        let Start { open_calls, snapshots, recovery, .. } = start;
        gateway.recover(now, Left { open_calls, snapshots, recovery: recovery.clone() }, out);
        gateway.restore_seats(now, config, seats, &recovery, out);
        gateway.run(now, out);
        gateway
    }
}

/// What the store kept, and what it goes by.
fn recovery_list(config: &Config, stored: Vec<Callback>, now: Now) -> RecoveryList {
    let keep = Duration::from_secs(u64::from(config.store.retention_days) * 24 * 3600);
    let mut list = RecoveryList::new(Terms { within: config.callback.within, keep });
    stored.into_iter().for_each(|callback| list.load(now, callback));
    list
}

fn seats_of(snapshots: &[Snapshot]) -> Vec<SeatSnapshot> {
    let seat = |snapshot: &Snapshot| match snapshot {
        Snapshot::Seat(seat) => Some(SeatSnapshot::clone(seat)),
        Snapshot::Call(_) => None,
    };
    snapshots.iter().filter_map(seat).collect()
}

fn expiry(registrar: &crate::config::Registrar) -> Expiry {
    Expiry {
        shortest: registrar.expires_min,
        longest_udp: registrar.expires_max_udp,
        longest_stream: registrar.expires_max_stream,
    }
}

fn advertised(config: &Config) -> Option<Advertised> {
    config.sip.advertised.as_ref().map(|a| Advertised { host: a.host.clone(), port: a.port })
}

fn rules(config: &Config, advertised: &Option<Advertised>) -> Rules {
    let voices = config.queues.iter().map(|q| {
        let voice = QueueVoice {
            music: q.music.clone(),
            full: q.full_prompt.clone(),
            timeout: q.timeout_prompt.clone(),
            apology: q.apology_prompt.clone(),
        };
        (q.name.clone(), voice)
    });
    // A call that a seat placed is in no queue: its party on hold hears the ringback tone.
    let outbound_voice = QueueVoice { music: Some(Arc::from(RINGBACK)), ..QueueVoice::default() };
    Rules {
        media: MediaAddresses::new(&config.sip, &config.media),
        domain: config.sip.domains.first().cloned().unwrap_or_else(|| config.sip.realm.clone()),
        advertised: advertised.clone(),
        trunks: config.trunks.iter().map(|t| (t.name.clone(), Arc::new(peer_rules(t)))).collect(),
        seat: Arc::new(PeerRules::default()),
        call_length: config.limits.call_length,
        call_length_prompt: config.limits.call_length_prompt.clone(),
        look_up_deadline: LOOK_UP_DEADLINE,
        voices: voices.collect(),
        outbound_voice,
    }
}

fn peer_rules(trunk: &crate::config::Trunk) -> PeerRules {
    let codec = |codec: &crate::config::Codec| match codec {
        crate::config::Codec::Pcma => Codec::Pcma,
        crate::config::Codec::Pcmu => Codec::Pcmu,
    };
    PeerRules {
        class: crate::sip::access::PeerClass::Trunk,
        codecs: trunk.codecs.iter().map(codec).collect(),
        dtmf: trunk.dtmf,
        session_expires: trunk.session_expires,
        timed: trunk.timed,
        reliable: trunk.reliable,
        early_media: trunk.early_media,
        media_sources: Arc::from(trunk.media_sources.as_slice()),
        towards: if trunk.symmetric_rtp { Towards::Source } else { Towards::Description },
        domain: match (&trunk.domain, &trunk.register) {
            (Some(domain), _) => Some(Arc::from(crate::sip::in_uri(domain))),
            (None, Some(registrar)) => Some(Arc::from(registrar.uri_host())),
            (None, None) => None,
        },
        contact: trunk.register.as_ref().and(trunk.username.as_deref()).map(Arc::from),
    }
}

fn services(config: &Config) -> HashMap<crate::id::ServiceNumber, Arc<ServiceRules>> {
    let rules = config.services.iter().map(|s| ServiceRules {
        number: s.number.clone(),
        queue: s.queue.clone(),
        welcome: s.welcome.clone(),
        answer_delay: s.answer_delay,
    });
    rules.map(|r| (r.number.clone(), Arc::new(r))).collect()
}

fn acd_config(config: &Config) -> AcdConfig {
    let queues = config.queues.iter().map(|q| QueueRules {
        name: q.name.clone(),
        capacity: q.capacity as usize,
        max_wait: q.max_wait,
        ring_timeout: q.ring_timeout,
        cool_down: q.cool_down,
        ring_misses: q.ring_misses,
        ring_misses_ready_after: q.ring_misses_ready_after,
        wrap_up: q.wrap_up,
        seats: q.seats.clone(),
    });
    AcdConfig {
        queues: queues.collect(),
        seats: config.seats.iter().map(|s| s.id.clone()).collect(),
        signing_in: config.seats.iter().filter(|s| s.sign_in).map(|s| s.id.clone()).collect(),
    }
}

fn access_control(config: &Config) -> AccessControl {
    let mut access = AccessControl::default();
    access.bound_connections(config.limits.connections as usize);
    for trunk in &config.trunks {
        if trunk.authenticate == Authenticate::Certificate {
            let sources = trunk.sources.iter().map(|s| (*s).into()).collect();
            access.add_certified(trunk.name.clone(), trunk.certificates.clone(), sources);
            continue;
        }
        for source in &trunk.sources {
            access.add(trunk.name.clone(), *source);
        }
    }
    for seat in &config.seats {
        if let Some(contact) = &seat.contact {
            access.add_contact(seat.id.clone(), contact);
        }
    }
    access
}
