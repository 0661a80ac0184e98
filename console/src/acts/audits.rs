//! The audit: looking at it, checking it, taking it out.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::look;
use super::page::{Page, PageRequest};
use crate::access::{Action, Caller, allow};
use crate::audit::{self, AuditRow, ChainFault, Head, Verifier};
use crate::problem::Problem;
use crate::serve::App;

/// Rows that are checked at a time.
const CHUNK: usize = 2000;

/// Which rows to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct AuditFilter {
    /// Of this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Of this kind of thing.
    pub subject_kind: Option<String>,
    /// Of this one thing.
    pub subject: Option<String>,
}

/// Rows, the latest first.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: AuditFilter,
    page: PageRequest,
) -> Result<Page<AuditRow>, Problem> {
    allow(caller, Action::AuditView, "")?;
    let (len, before) = (page.rows()?, page.after_as::<u64>()?);
    let wanted = audit::Filter {
        actor: filter.actor,
        action: filter.action,
        subject_kind: filter.subject_kind,
        subject: filter.subject,
        before,
    };
    look(app, move |tx, _| {
        let rows = audit::list(tx, &wanted, len + 1)?;
        Ok(Page::new(rows, len, |row| row.sequence.to_string()))
    })
    .await
}

/// Whether the audit is what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// The first thing wrong; null if there is nothing.
    pub fault: Option<ChainFault>,
    /// The same in a sentence.
    pub explanation: String,
    /// The end of the audit, if nothing is wrong. Keep it elsewhere.
    pub head: Option<Head>,
}

impl From<Result<Head, ChainFault>> for Verdict {
    fn from(checked: Result<Head, ChainFault>) -> Self {
        match checked {
            Ok(head) => Self {
                fault: None,
                explanation: format!("{} rows, none missing, none changed", head.sequence),
                head: Some(head),
            },
            Err(fault) => Self {
                explanation: fault.to_string(),
                fault: Some(fault),
                head: None,
            },
        }
    }
}

/// Checks every row from the first on; `anchor` is a head that was kept elsewhere.
pub async fn verify(app: &App, caller: &Caller, anchor: Option<Head>) -> Result<Verdict, Problem> {
    allow(caller, Action::AuditView, "")?;
    let mut verifier = Verifier::new(anchor);
    let mut after = 0;
    loop {
        let rows = page(app, after).await?;
        let Some(last) = rows.last() else {
            return Ok(verifier.finish().into());
        };
        after = last.sequence;
        if let Err(fault) = rows.iter().try_for_each(|row| verifier.push(row)) {
            return Ok(Err(fault).into());
        }
    }
}

async fn page(app: &App, after: u64) -> Result<Vec<AuditRow>, Problem> {
    look(app, move |tx, _| Ok(audit::page(tx, after, CHUNK)?)).await
}

/// The next rows after `after` as JSON lines, with the last sequence among them; `None` at the end.
pub async fn export(app: &App, caller: &Caller, after: u64) -> Result<Option<(String, u64)>, Problem> {
    allow(caller, Action::AuditExport, "")?;
    let rows = page(app, after).await?;
    let Some(last) = rows.last().map(|row| row.sequence) else {
        return Ok(None);
    };
    let lines = rows
        .iter()
        .map(|row| serde_json::to_string(row).expect("a row has a form in JSON") + "\n");
    Ok(Some((lines.collect(), last)))
}
