# What the doctor looked at, saw and advises: on the operator’s side of the page, and in English on the command line.
# Sentences begin small and end without a full stop; the page makes sentences of them. What stands between ` and ` is typed.
found-span = { $unit ->
    [seconds] { $count } s
    [minutes] { $count } min
    [hours] { $count } h
   *[days] { $count } days
 }

looked-at-config = Configuration
looked-at-seal = Sealed disk
looked-at-database = Database
looked-at-journal = Journal
looked-at-key-file = Keys
looked-at-certificate = Certificate
looked-at-replica = What it knows
looked-at-intents = Enrollments
looked-at-quarantine = Bands set aside
looked-at-clock = Clock
looked-at-disk = Space
looked-at-daemon = Program
looked-at-radio = Bluetooth
looked-at-console = Console
looked-at-console-certificate = Certificate for the console
looked-at-feed = From the console
looked-at-journal-upload = To the console

found-config-usable = the configuration can be used
found-sealed-on-same-disk = sealed with the key { $key }, which lies on the same disk: whoever takes it has both
found-sealed-on-same-disk-next = let a TPM keep the key as a credential of systemd, or put it on another medium: docs/operating.md
found-sealed-on-other-disk = sealed with the key { $key }, from another disk
found-sealed-by-credential = sealed with the key { $key }, a credential
found-database-whole = whole, SQLite { $version }
found-journal-whole = { $count ->
    [one] one entry, complete and unchanged
   *[other] { $count } entries, complete and unchanged
 }
found-journal-faulty = { $fault ->
    [gap] entries { $sequence } to { $until } are missing; { $count } entries before them hold
    [fork] entry { $sequence } belongs to another history than the entries before it; { $count } of those hold
    [changed] entry { $sequence } was changed after it was written; { $count } entries before it hold
    [repeated] entry { $sequence } comes a second time; { $count } entries before it hold
   *[other_station] entry { $sequence } was written by another station; { $count } entries before it hold
 }
found-journal-faulty-next = keep a copy of the data folder and tell an administrator
found-key-file-readable = readable by the station alone

found-certificate-unreadable = it does not read
found-certificate-unreadable-next = { found-certificate-next }
found-certificate-not-yet = { $days ->
    [one] it is valid only from tomorrow on
   *[other] it is valid only in { $days } days
 }
found-certificate-not-yet-next = { found-certificate-next }
found-certificate-expired = { $days ->
    [one] it expired a day ago
   *[other] it expired { $days } days ago
 }
found-certificate-expired-next = { found-certificate-next }
found-certificate-short = { $days ->
    [one] one day left
   *[other] { $days } days left
 }
found-certificate-short-next = { found-certificate-next }
found-certificate-good = { $days } days left
found-certificate-next = { $joined ->
    [yes] let the station reach its console, which renews it; or join again with a new token
   *[no] get a new provisioning file and run `bandstand-station init --replace`
 }

found-replica-too-old = revision { $revision }, { $age } old: too old for any decision
found-replica-too-old-next = { found-replica-next }
found-replica-too-old-for-takeover = revision { $revision }, { $age } old: too old for one person to take over another’s band
found-replica-too-old-for-takeover-next = { found-replica-next }
found-replica-fresh = revision { $revision }, { $age } old
found-replica-next = { $joined ->
    [yes] let the station reach its console
   *[no] load a fresh provisioning file with `bandstand-station init --replace`
 }

found-enrollments-open = { $count ->
    [one] one enrollment waits for its band: { $bands }
   *[other] { $count } enrollments wait for their bands: { $bands }
 }
found-enrollments-open-next = hold each of these bands to the station; it settles by itself what was begun. For a band that will not come back: `bandstand-station intents close`
found-enrollments-settled = every enrollment is settled
found-bands-quarantined = { $count ->
    [one] one band proves an enrollment that was not made here and is not allowed: { $bands }
   *[other] { $count } bands prove enrollments that were not made here and are not allowed: { $bands }
 }
found-bands-quarantined-next = look where they were enrolled; emptied by hand, each can be enrolled again
found-bands-believed = every band is believed

found-clock-before-release = the clock shows a date before this software was made
found-clock-before-release-next = { found-clock-next }
found-clock-set-back = the clock is { $behind } behind the journal: it was set back
found-clock-set-back-next = { found-clock-next }
found-clock-next = set the clock (`timedatectl`); if it is right, `bandstand-station clock confirm`
found-clock-confirmed = it was confirmed { $behind } before what the station had believed; what had expired stays expired
found-clock-confirmed-next = nothing, or load a fresh provisioning file with `bandstand-station init --replace`
found-clock-agrees = agrees with the journal

found-disk-unknown = the free space of { $folder } cannot be told
found-disk-unknown-next = make the data folder, or correct station.data_directory
found-disk-full = { $free } MiB free
found-disk-full-next = free disk space; no enrollment starts below { $least } MiB
found-disk-short = { $free } MiB free
found-disk-short-next = free disk space soon
found-disk-good = { $free } MiB free
found-daemon-runs = runs since { $uptime }, version { $version }

found-radio-works = adapter { $adapter } works
found-radio-off = the adapter is switched off
found-radio-off-next = switch it on: `bluetoothctl power on`
found-radio-absent = there is no adapter, or not the configured one
found-radio-absent-next = plug it in, or correct radio.adapter
found-bluez-down = bluetoothd does not run or does not answer
found-bluez-down-next = start it again: `systemctl restart bluetooth`
found-bus-down = the system bus cannot be reached
found-bus-down-next = see what it says: `systemctl status dbus`
found-no-permission = D-Bus refuses this user the use of Bluetooth
found-no-permission-next = add the station’s user to the group `bluetooth` and start the station again
found-radio-starting = the radio is starting
found-radio-starting-next = ask again in a few seconds

found-console-certificate-expired = { $days ->
    [one] it expired a day ago
   *[other] it expired { $days } days ago
 }
found-console-certificate-expired-next = make a token for this station at the console and run `bandstand-station join` with it
found-console-certificate-short = { $days ->
    [one] one day left, and not renewed
   *[other] { $days } days left, and not renewed
 }
found-console-certificate-short-next = let the station reach its console
found-console-certificate-good = { $days } days left
found-feed-stopped = stopped: { $code }
found-feed-stopped-next = { found-stopped-next }
found-upload-stopped = stopped: { $code }
found-upload-stopped-next = { found-stopped-next }
found-console-state = { $console }, { $heard ->
    [yes] heard { $silent } ago
   *[no] not heard since the start
 }, { $waiting ->
    [0] nothing waits
    [one] one entry waits
   *[other] { $waiting } entries wait
 }
found-console-stopped = { found-console-state }: { $code }
found-console-stopped-next = { found-stopped-next }
found-console-refuses-journal = { found-console-state }: { $code }
found-console-refuses-journal-next = { found-stopped-next }
found-console-offline = { found-console-state }: it does not answer
found-console-offline-next = check the network; the station works without the console as long as its replica is young enough
found-console-clock-differs = { found-console-state }; its clock is { $ahead } s ahead of this one
found-console-clock-differs-next = set the clock that is wrong (`timedatectl`)
found-console-begins = { found-console-state }
found-console-in-step = { found-console-state }
found-stopped-next = { $code ->
    [station_revoked] ask an administrator: this station was revoked, and what it could not send is still here
    [certificate_unknown] make a token for this station at the console and run `bandstand-station join` with it
    [certificate_expired] make a token for this station at the console and run `bandstand-station join` with it
    [journal_fork] two stations have used this identity, or an old copy was put back: ask an administrator
    [journal_rolled_back] two stations have used this identity, or an old copy was put back: ask an administrator
    [station_quarantined] ask an administrator: the console does not believe this station’s journal
    [journal_damaged] run `bandstand-station journal verify` and ask an administrator
    [console_not_trusted] somebody else answers at the console’s address, its certificate is not in force, or the console went over to another authority while this station was away: then make a token for this station at the console and run `bandstand-station join` with it
    [no_common_version] update the older of station and console
    [row_kind_unknown] update the older of station and console
    [page_version] update the older of station and console
    [console_behind] ask an administrator: the console’s database was put back without `bandstand-console restore`
    [lineage_past] ask an administrator: the console’s database was put back without `bandstand-console restore`
    [revision_backward] ask an administrator: the console’s database was put back without `bandstand-console restore`
   *[other] ask an administrator; the log says more
 }

# What could not be looked at, by the code of the problem. What stood in the way is shown below, as the system says it.
found-secret-exposed = others may read a file with a secret
found-secret-exposed-next = take the right to read it from everybody but the station, and think of what was in it as known
found-secret-unusable = a file with a secret is not there or is not what it should be
found-secret-unusable-next = put the right file back from where it is kept
found-seal-key-missing = the key under which this disk is sealed is not there
found-seal-key-missing-next = give the key back: the credential `bandstand.seal`, or the file
found-seal-key-wrong = the disk is sealed with another key
found-seal-key-wrong-next = give the right key back; if it is lost, revoke the station at the console and begin anew
found-not-initialized = this station was never set up
found-not-initialized-next = run `bandstand-station init` or `bandstand-station join`
found-store-locked = another program holds the database
found-store-locked-next = stop it; only one station may use this folder
found-store-corrupted = the database is damaged
found-store-corrupted-next = keep a copy of the data folder and tell an administrator: docs/operating.md
found-store-full = there is no space left for the database
found-store-full-next = free disk space
found-store-read-only = the database cannot be written
found-store-read-only-next = give the station’s user the folder back, or look at the disk
found-store-newer = the database was written by a newer program
found-store-newer-next = install the newer program again
found-store-sync-failed = the disk failed while something was being saved
found-store-sync-failed-next = look at the disk, and replace it
found-store-failed = the database failed
found-store-failed-next = look at the disk and the log
found-journal-broken = the journal was changed or is incomplete
found-journal-broken-next = keep a copy of the data folder and tell an administrator
found-internal = the station has a fault of its own
found-internal-next = write a report for support and send it
found-other = this could not be looked at
found-other-next = run `bandstand-station doctor` on this machine; it says more
