//! From a configuration and a starting point to a running gateway.

use super::counts::Tallies;
use super::durable::Awaiting;
use super::phones::Phones;
use super::{Duty, Gateway, Output, Start, Trunk, Work};
use crate::acd::{self, Acd, AcdConfig, QueueRules};
use crate::call::{MediaAddresses, PeerRules, QueueVoice, Rules, ServiceRules, Target, Watch};
use crate::caller::TrunkIdentity;
use crate::config::{Authenticate, Config, RINGBACK};
use crate::dialplan::Dialplan;
use crate::event::Sequence;
use crate::id::{QueueId, SeatId};
use crate::media::Towards;
use crate::sdp::Codec;
use crate::sip::registrar::Held;
use crate::sip::trunk::Capacity;
use crate::sip::{AccessControl, Advertised, Endpoint, EndpointConfig, Flow, Inside, Registrar, Transport};
use crate::time::{Duration, Now, Timers};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How long a presentation waits for the look-up, from the INVITE on.
const LOOK_UP_DEADLINE: Duration = Duration::from_millis(300);

impl Gateway {
    /// A gateway that goes on where the journal ends. The first outputs close what a crash left open.
    pub fn new(config: &Config, start: Start, now: Now, out: &mut Vec<Output>) -> Gateway {
        let mut random = start.random;
        let advertised = advertised(config);
        let static_contacts = static_contacts(config);
        let mut gateway = Gateway {
            rules: Arc::new(rules(config, &advertised)),
            services: services(config),
            trunks: trunks(config),
            trunking: super::trunking::Trunking::new(config, &start.trunk_passwords, now, &mut random),
            history_key: start.history_secret,
            most_calls: config.limits.calls as usize,
            endpoint: Endpoint::new(
                EndpointConfig { advertised, ..EndpointConfig::default() },
                random.fork(),
            ),
            registrar: Registrar::new(config.sip.realm.clone(), start.accounts, random.fork())
                .known_by(crate::sip::access::Names::new(&config.sip)),
            access: access(config),
            names: crate::sip::access::Names::new(&config.sip),
            allowance: Default::default(),
            pressure: Default::default(),
            reserve: Default::default(),
            block_list: crate::caller::BlockList::new(config.limits.slow_after),
            acd: Acd::new(acd_config(config), random.fork()),
            calls: HashMap::new(),
            legs: HashMap::new(),
            clients: HashMap::new(),
            invites: HashMap::new(),
            servers: HashMap::new(),
            call_timers: Timers::default(),
            awaiting: Awaiting::default(),
            dialplan: Dialplan::new(config),
            outward: HashMap::new(),
            confirmations: HashMap::new(),
            alarms: Default::default(),
            picking: None,
            held: Held::default(),
            shed: Default::default(),
            sequence: Sequence::new(start.head, random.fork()),
            random,
            duty: Duty::Serving,
            tallies: Tallies::new(config),
            work: VecDeque::new(),
            said: Vec::new(),
            heard: Vec::new(),
            wire: Vec::new(),
            tracer: super::trace::Tracer::default(),
            static_contacts,
            phones: Phones::new(config),
        };
        gateway.recover(now, &start.open_calls, out);
        let mut always_up: Vec<SeatId> = gateway.static_contacts.keys().cloned().collect();
        always_up.sort();
        for seat in always_up {
            gateway.watch(now, &seat);
            gateway.work.push_back(Work::Acd(acd::Input::SeatUp { seat }));
        }
        gateway.run(now, out);
        gateway
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
    // In a call of a seat's own there is no queue, and whoever is on hold hears the same tone.
    let own = QueueVoice { music: Some(Arc::from(RINGBACK)), ..QueueVoice::default() };
    let voices = voices.chain([(QueueId::from(""), own)]);
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
    }
}

fn peer_rules(trunk: &crate::config::Trunk) -> PeerRules {
    let codec = |codec: &crate::config::Codec| match codec {
        crate::config::Codec::Pcma => Codec::Pcma,
        crate::config::Codec::Pcmu => Codec::Pcmu,
    };
    PeerRules {
        standing: crate::sip::access::PeerClass::Trunk,
        codecs: trunk.codecs.iter().map(codec).collect(),
        dtmf: trunk.dtmf,
        session_expires: trunk.session_expires,
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

fn trunks(config: &Config) -> HashMap<crate::id::TrunkId, Trunk> {
    let trunks = config.trunks.iter().map(|t| {
        let identity = TrunkIdentity {
            trusted: t.trusted,
            country: t.country.clone(),
            area: t.area.clone(),
            strip: t.strip.clone(),
            headers: t.headers.clone(),
        };
        let capacity = Capacity::new(t.channels, t.calls_per_second);
        (t.name.clone(), Trunk { identity, capacity, refused: Vec::new() })
    });
    trunks.collect()
}

fn acd_config(config: &Config) -> AcdConfig {
    let queues = config.queues.iter().map(|q| QueueRules {
        name: q.name.clone(),
        capacity: q.capacity as usize,
        max_wait: q.max_wait,
        ring_timeout: q.ring_timeout,
        cool_down: q.cool_down,
        wrap_up: q.wrap_up,
        seats: q.seats.clone(),
    });
    AcdConfig {
        queues: queues.collect(),
        seats: config.seats.iter().map(|s| s.id.clone()).collect(),
        signing_in: config.seats.iter().filter(|s| s.sign_in).map(|s| s.id.clone()).collect(),
    }
}

fn access(config: &Config) -> AccessControl {
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

/// Seats whose phone is always at the same place: reached over the first listener of the contact's transport and family.
fn static_contacts(config: &Config) -> HashMap<SeatId, Target> {
    let mut contacts = HashMap::new();
    for seat in &config.seats {
        let Some(contact) = &seat.contact else { continue };
        let Some(listen) =
            config.sip.listen.iter().find(|l| l.reaches(contact.transport, contact.address.ip()))
        else {
            continue;
        };
        let transport = Transport::from(contact.transport);
        let flow = Flow { transport, local: listen.address, remote: contact.address, connection: None };
        let watch = if seat.ping { Watch::Asked } else { Watch::LeftAlone };
        let inside = Inside::ToContact;
        let target = Target { uri: contact.uri.clone(), flow, routes: Vec::new(), watch, inside };
        contacts.insert(seat.id.clone(), target);
    }
    contacts
}
