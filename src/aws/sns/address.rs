//! Addresses outside AWS that receive a topic's messages.

use super::refusals::SNS_BUSY;
use super::{Sns, Subscribed};
use crate::aws::error::OrFail;
use crate::aws::settle::settled;
use crate::engine::{Failure, Task};

/// The protocols of addresses.
const EMAIL: &str = "email";
const HTTPS: &str = "https";

/// An address outside AWS that receives messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `email` or `https`.
    protocol: &'static str,
    pub(super) endpoint: String,
}

impl Address {
    pub fn email(address: &str) -> Self {
        Self { protocol: EMAIL, endpoint: address.to_owned() }
    }

    pub fn https(url: &str) -> Self {
        Self { protocol: HTTPS, endpoint: url.to_owned() }
    }

    /// Its protocol and the address itself.
    pub(crate) fn parts(&self) -> (&'static str, &str) {
        (self.protocol, &self.endpoint)
    }

    pub(super) fn is(&self, one: &Subscribed) -> bool {
        self.protocol == one.protocol && self.endpoint == one.endpoint
    }
}

impl Sns {
    /// Asks the owner of an address to confirm that it receives the topic's messages. A repeated call asks again and
    /// makes no second subscription.
    pub(super) async fn subscribe_address(&self, arn: &str, address: &Address, task: &Task) -> Result<(), Failure> {
        let Address { protocol, endpoint } = address;
        let doing = format!("subscribe {endpoint} to {arn}");
        let asked = settled(task, &[&SNS_BUSY], || async {
            let call = self.client.subscribe().topic_arn(arn).protocol(*protocol).endpoint(endpoint);
            call.send().await.or_fail(&doing)
        });
        asked.await?;
        task.note(format!("{endpoint} has to confirm the subscription: SNS has sent a message"));
        Ok(())
    }
}
