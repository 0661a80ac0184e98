//! What is known of a band by which an operator signs in.

use firmware_protocol::id::{AssociationId, UserHandle};
use station_core::clock::TrustedTime;
use station_core::enrollment::Query;
use station_core::replica::OperatorRow;
use station_core::ticket::{AttemptSubject, HolderFacts};

use super::{Store, StoreError, rows};

impl Store {
    /// What is known of the band and of whoever it says holds it.
    pub fn holder(
        &self,
        query: &Query,
        time: TrustedTime,
        fresh: AssociationId,
        believed_ms: u64,
    ) -> Result<HolderFacts, StoreError> {
        let operators = query.user.map(|user| self.operators_who_are(user));
        let proven = query.held.first().map(|claimed| self.is_proven(*claimed));
        let subject = AttemptSubject::Band {
            serial: query.serial.as_str().to_owned(),
        };
        Ok(HolderFacts {
            known: self.knowledge(query, time, fresh)?,
            operators: operators.transpose()?.unwrap_or_default(),
            proven: proven.transpose()?.unwrap_or_default(),
            attempts: self.attempts(&subject)?,
            believed_ms,
        })
    }

    /// Every operator that is this user. There are few at a station: all of them are read.
    fn operators_who_are(&self, user: UserHandle) -> Result<Vec<OperatorRow>, StoreError> {
        let mut statement = self.connection.prepare_cached("select * from operators")?;
        let mut found = statement.query(())?;
        let mut operators = Vec::new();
        while let Some(row) = found.next()? {
            operators.push(rows::operator(&self.sealing, row)?);
        }
        operators.retain(|operator| operator.user == Some(user));
        Ok(operators)
    }

    /// Whether the association came with the key that its band made for it.
    fn is_proven(&self, association: AssociationId) -> Result<bool, StoreError> {
        let sql = "select * from associations where id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query([association.0])?;
        let row = found.next()?;
        let row = row.map(|row| rows::association(&self.sealing, row)).transpose()?;
        Ok(row.is_some_and(|row| row.credential_key.is_some()))
    }
}
