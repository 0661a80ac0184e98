//! A query whose conditions depend on what is asked.

use crate::db::{DbError, Row, Tx, Val};

/// SQL and its values, which grow together.
#[derive(Debug)]
pub struct Query<'a> {
    sql: String,
    values: Vec<Val<'a>>,
}

impl<'a> Query<'a> {
    /// A query that begins like this; it has a `where` already.
    pub fn new(sql: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            values: Vec::new(),
        }
    }

    /// Adds text.
    pub fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Adds `and condition`, in which each `?` takes the next of `values`.
    pub fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Val<'a>>) {
        self.sql.push_str(" and ");
        let mut values = values.into_iter();
        for c in condition.chars() {
            match c {
                '?' => self.place(values.next().expect("a value for each place")),
                c => self.sql.push(c),
            }
        }
    }

    /// Adds `and condition` if there is a value.
    pub fn and_if<T: Into<Val<'a>>>(&mut self, condition: &str, value: Option<T>) {
        if let Some(value) = value {
            self.and(condition, [value.into()]);
        }
    }

    /// Adds `and column in (…)`.
    pub fn and_in(&mut self, column: &str, values: impl IntoIterator<Item = Val<'a>>) {
        self.sql.push_str(" and ");
        self.sql.push_str(column);
        self.sql.push_str(" in (");
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.sql.push(',');
            }
            self.place(value);
        }
        self.sql.push(')');
    }

    /// Adds a limit.
    pub fn limit(&mut self, limit: usize) {
        self.sql.push_str(" limit ");
        self.place(limit.into());
    }

    fn place(&mut self, value: Val<'a>) {
        self.values.push(value);
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
    }

    /// Every row.
    pub fn all<T>(
        &self,
        tx: &Tx<'_>,
        read: impl FnMut(&Row<'_>) -> Result<T, DbError>,
    ) -> Result<Vec<T>, DbError> {
        tx.all(&self.sql, &self.values, read)
    }
}

/// A pattern for `like … escape '\'` that finds `text` anywhere; `text` has no wild cards of its own.
pub fn anywhere(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
