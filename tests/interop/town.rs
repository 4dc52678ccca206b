//! A gateway with a department behind a carrier of its own, for what operators do with citizens.

use crate::callee::Callee;
use crate::place::free_port;
use crate::program::{Program, text};
use crate::sipp::{Plan, Sipp};
use serde_json::Value;

/// Where the department's carrier is.
const CARRIER: &str = "127.0.3.1";

/// What citizens dial here: a queue with music, so that there is something to be heard all the time.
const SERVICE: &str = "[[queue]]\nname = \"town\"\nmusic = \"music\"\nwrap_up = \"0s\"\ncool_down = \"1s\"\n\
                       [[service]]\nnumber = \"12346\"\nqueue = \"town\"\n";

pub struct Town {
    pub gateway: Program,
    port: u16,
}

impl Town {
    /// Seats as `seats` says, and the department Water, code 601, which is given up after three seconds.
    pub fn new(name: &str, seats: &str) -> Town {
        let port = free_port();
        let trunks = format!(
            "[[trunk]]\nname = \"sipp\"\nsources = [\"127.0.0.1\"]\n\
             [[trunk]]\nname = \"town\"\nsources = [\"{CARRIER}\"]\ntargets = [\"sip:{CARRIER}:{port}\"]\nping = \"0s\"\n\
             [dial]\ntrunk = \"town\"\nrecall = \"3s\"\nring = \"1s\"\n\
             [[department]]\nname = \"Water\"\ncode = \"601\"\nnumbers = [\"61230001\"]\n"
        );
        let gateway = Program::with_trunks(name, &["udp:127.0.0.1:0"], &trunks, seats, SERVICE);
        Town { gateway, port }
    }

    /// The department's telephone, whose sound goes to and comes from this port.
    pub fn department(&self, callee: &Callee, media: u16) -> Sipp {
        let media = media.to_string();
        let fill = [("media", media.as_str())];
        let plan = Plan { name: "department", scenario: &callee.xml(), fill: &fill, calls: 1, rate: 0 };
        plan.serve_at(&self.gateway.place, CARRIER, self.port)
    }

    /// A citizen, who listens until the other side hangs up.
    pub fn citizen(&self, media: u16) -> Sipp {
        let media = media.to_string();
        let fill = [("media", media.as_str())];
        let scenario = include_str!("scenarios/caller_listens.xml").replace("[service]", "12346");
        let plan = Plan { name: "citizen", scenario: &scenario, fill: &fill, calls: 1, rate: 1 };
        plan.call(&self.gateway.place, self.gateway.sip)
    }

    /// What became of handing on: kind and result, in order.
    pub fn transfers(&self, count: usize) -> Vec<String> {
        self.gateway.told("CallTransferred", count).iter().map(transfer).collect()
    }

    /// The record of the only citizen's call, once it is final.
    pub fn record(&self) -> Value {
        let records = self.gateway.final_records(1);
        records.into_iter().next().expect("one record")
    }
}

fn transfer(event: &Value) -> String {
    let said = |key: &str| text(event, &format!("/call_transferred/{key}")).to_owned();
    let kind = said("kind").replace("TRANSFER_KIND_", "");
    let result = said("result").replace("TRANSFER_RESULT_", "");
    format!("{kind} {} to {} {result}", said("from_party"), said("to_party"))
}
