//! The rows of the rules themselves, by name, with patterns in their columns: `*` is any value, `a|b` one of
//! the two, `!a` any but `a`.

use crate::case::{COLUMNS, Case};

/// Columns as in the header; the requirement beside each row.
pub(crate) const ROWS: &str = "\
# The rules by name. In a column, * is any value, a|b either of the two, !a all but a.
    row 1  N-03 N-12                                     : !unenrolled active                   !old        none       free                       clear   *     listed|unlisted      ; allow new
    row 2  N-01 N-02                                     : !unenrolled active                   !old        none       own                        clear   *     listed|unlisted      ; release_needed ; allow new renewed ; allow new renewed
    row 3  N-03 N-V2                                     : !unenrolled active                   !old        plain      free                       clear   *     listed|unlisted      ; release_needed ; allow standin old_off ; allow standin old_off
    row 4  N-07                                          : !unenrolled active                   !old        seos       free                       *       *     listed|unlisted      ; release_needed ; seos_user_own_band_only ; seos_user_own_band_only
    row 5a N-02                                          : !unenrolled active                   !old        none       own_off                    clear   *     listed|unlisted      ; release_needed ; allow new renewed again ; allow new renewed again
    row 5b N-02 N-07 N-V3                                : !unenrolled active                   !old        plain|seos own_off                    clear   *     listed|unlisted      ; release_needed ; allow standin renewed again old_off ; allow standin renewed again old_off
    row 5c lost and found                                : !unenrolled active                   !old        none       own_off                    clear   *     lost                 ; release_needed ; allow new renewed again found ; allow new renewed again found
    row 6  N-V6                                          : *           active                   *           *          own_susp                   *       *     *                    ; user_suspended
    row 6b the user                                      : *           suspended                *           *          *                          *       *     *                    ; user_suspended
    row 6c no way round it                               : *           active                   *           suspended  !own                       *       *     *                    ; user_suspended
    row 7  N-06                                          : *           active                   !old        !suspended other|other_off|other_susp *       seos  listed|unlisted|lost ; seos_held_by_another
    row 8  N-04 N-05 N-V2                                : !unenrolled active                   fresh       plain      other|other_off            *       plain listed|unlisted      ; held_by_another ; held_by_another ; allow standin old_off taken
    row 9  N-07                                          : *           active                   !old        seos       other|other_off            *       plain listed|unlisted      ; held_by_another ; held_by_another ; seos_user_own_band_only
    row 10 N-04                                          : *           active                   !old        none       other|other_off            *       plain listed|unlisted      ; held_by_another ; held_by_another ; first_band_must_be_free
    row 11a suspended                                    : *           active                   !old        !suspended other_susp                 *       plain listed|unlisted|lost ; held_by_another ; held_by_another ; band_withheld
    row 11b lost                                         : *           active                   !old        !suspended other|other_off            *       plain lost                 ; held_by_another ; held_by_another ; band_withheld
    row 11c lost and free                                : *           active                   !old        !suspended free                       *       *     lost                 ; band_withheld
    row 12a unlisted                                     : *           active                   *           !suspended !own_susp                  *       *     enforced             ; band_not_in_stock
    row 12b withdrawn                                    : *           active                   *           !suspended !own_susp                  *       *     damaged|retired      ; band_withdrawn
    row 13 age of take-over                              : !unenrolled active                   stale|doubt plain      other|other_off            *       plain listed|unlisted      ; held_by_another ; held_by_another ; replica_too_old_for_takeover
    row 14 age                                           : *           active                   old         !suspended !own_susp                  *       *     listed|unlisted|lost ; replica_too_old
    row 15 not active                                    : *           not_yet|departed|unknown *           *          *                          *       *     *                    ; user_not_active
    row 16 register N-12                                 : unenrolled  active                   !old        none       free                       *       *     listed|unlisted      ; enrollment_missing
    row 16b after release                                : unenrolled  active                   !old        none       own                        *       *     listed|unlisted      ; release_needed ; enrollment_missing ; enrollment_missing
    row 17 never overwritten because the replica is stale: !unenrolled active                   stale|doubt none       free                       another *     listed|unlisted      ; replica_too_old_for_takeover
";

pub(crate) struct Row {
    pub(crate) name: &'static str,
    patterns: Vec<&'static str>,
    pub(crate) outcomes: [String; 3],
}

impl Row {
    pub(crate) fn matches(&self, case: &Case) -> bool {
        self.patterns
            .iter()
            .zip(case.cells())
            .all(|(pattern, cell)| fits(pattern, cell))
    }
}

fn fits(pattern: &str, cell: &str) -> bool {
    match pattern.strip_prefix('!') {
        Some(unwanted) => unwanted != cell,
        None => pattern == "*" || pattern.split('|').any(|value| value == cell),
    }
}

/// Every value in a pattern is one the column has: a misspelt one would match nothing and check nothing.
fn check_patterns(row: &Row) {
    assert_eq!(row.patterns.len(), COLUMNS.len(), "{}", row.name);
    for (pattern, column) in row.patterns.iter().zip(&COLUMNS) {
        let values = pattern.trim_start_matches('!').split('|');
        let known = |value: &str| value == "*" || column.values.contains(&value);
        assert!(
            values.into_iter().all(known),
            "{}: {pattern} in {}",
            row.name,
            column.name
        );
    }
}

fn parse(line: &'static str) -> Row {
    let (name, rest) = line.split_once(": ").expect("a name before the columns");
    let cells: Vec<_> = rest.split(" ; ").collect();
    let patterns = cells[0].split_whitespace().collect();
    let row = Row {
        name: name.trim(),
        patterns,
        outcomes: outcomes(&cells[1..]),
    };
    check_patterns(&row);
    row
}

/// One outcome alone holds for all three policies.
fn outcomes(cells: &[&str]) -> [String; 3] {
    match cells {
        [same] => [same, same, same].map(|outcome| outcome.trim().to_owned()),
        [none, own, any] => [none, own, any].map(|outcome| outcome.trim().to_owned()),
        _ => panic!("one outcome or three: {cells:?}"),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    ROWS.lines()
        .filter(|line| !line.starts_with('#'))
        .map(parse)
        .collect()
}
