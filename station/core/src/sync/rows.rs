//! Rows of the feed as the station keeps them. The feed names people by their ids, bands know handles.

use firmware_protocol::certificate::PublicKey;
use firmware_protocol::id::{self as air, OrganizationId, UserHandle};
use firmware_protocol::time::UnixSeconds;
use policy::model::UserId;
use server_sync::feed;

use crate::convert;
use crate::replica::{AssociationRow, OperatorRow, Right, TicketRow, TicketState, UserRow, derived_handle};
use crate::ticket::{CodeHash, TicketId};

/// Gives the handle of somebody who may not be known yet.
pub trait Handles {
    /// Why the question was not answered.
    type Error;

    /// The handle under which this person is stored, or the one that follows from the id.
    fn handle(&self, user: &UserId) -> Result<UserHandle, Self::Error>;
}

/// A person.
pub fn user_row(organization: OrganizationId, row: &feed::UserRow) -> UserRow {
    let handle = row.handle.map(UserHandle);
    UserRow {
        handle: handle.unwrap_or_else(|| derived_handle(organization, row.id.as_str())),
        user: row.user(),
        policy: row.policy.clone(),
        label: row.label.clone().unwrap_or_default(),
    }
}

/// An association.
pub fn association_row(row: &feed::AssociationRow) -> AssociationRow {
    AssociationRow {
        association: row.association(),
        credential_key: row.credential_key as Option<PublicKey>,
    }
}

/// A ticket, and what became of it as far as the console knows.
pub fn ticket_row<H: Handles>(
    row: &feed::TicketRow,
    handles: &H,
) -> Result<(TicketRow, TicketState), H::Error> {
    let stored = TicketRow {
        id: TicketId(row.id),
        code_hash: row.code_hash.map(CodeHash),
        user: handles.handle(&row.user)?,
        site: row.site.clone(),
        zone: convert::zone_on_air(row.zone),
        not_before: UnixSeconds(row.not_before_s),
        expires: UnixSeconds(row.expires_s),
    };
    let state = match row.state {
        feed::TicketState::Unspent => TicketState::Unspent,
        feed::TicketState::Revoked => TicketState::Revoked,
        // Spent for something that the console does not name is spent all the same.
        feed::TicketState::Spent => TicketState::Spent {
            association: air::AssociationId(row.spent_for.unwrap_or_default()),
        },
    };
    Ok((stored, state))
}

/// Somebody with rights at stations. Rights that this release does not know give none.
pub fn operator_row<H: Handles>(row: &feed::OperatorRow, handles: &H) -> Result<OperatorRow, H::Error> {
    let known = [
        (feed::Rights::VOUCH, Right::Vouch),
        (feed::Rights::CONFIRM_CLOCK, Right::ConfirmClock),
        (feed::Rights::CLOSE_INTENTS, Right::CloseIntents),
        (feed::Rights::DIAGNOSE, Right::Diagnose),
        (feed::Rights::CHECK_BANDS, Right::CheckBands),
    ];
    let rights = known
        .into_iter()
        .filter(|(bit, _)| row.rights.has(*bit))
        .map(|(_, right)| right);
    Ok(OperatorRow {
        id: row.id.clone(),
        pin: row.pin.clone(),
        rights: rights.collect(),
        user: row.user.as_ref().map(|user| handles.handle(user)).transpose()?,
    })
}
