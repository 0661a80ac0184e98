brand = Bandstand
skip = Skip to content
crumbs = Where you are
back = Back
cancel = Cancel
save = Save
edit = Edit
undo = Undo
copy = Copy
copied = Copied
finished = Finished
filter = Show
none = none
nobody = nobody
revoke = Revoke
note = Note
history = History
history-none = Nothing has happened yet.
import = Import
fix = Shortest way out
code = Code
decided-by = Decided by
form-faults = Please check this:
pager-label = Pages
pager-first = First page
pager-next = Next page
pager-shown = { $count ->
    [one] One entry shown
   *[other] { $count } entries shown
 }
none-found = Nothing matches
none-found-text = Search for less, or show everything again.
site-any = All sites

nav-label = Console
nav-open = Menu
nav-home = Overview
nav-people = People and bands
nav-users = Users
nav-bands = Bands and stock
nav-associations = Associations
nav-tickets = Tickets
nav-rules = Rules
nav-policies = Policies
nav-dry-run = Dry run
nav-plant = Plant
nav-stations = Stations
nav-quarantine = Quarantine
nav-console = Console
nav-audit = Audit
nav-settings = Settings

find-label = Find a user or a band
find-title = Found for “{ $q }”
find-none-text = Try a part of a name, an id, or the serial on the back of a band.
account-menu = Your account: { $name }
account-own = Password and sessions
sign-out = Sign out
look-language = Language
look-en = English
look-de = Deutsch
look-theme = Theme
look-auto = System
look-light = Light
look-dark = Dark

span-seconds = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
 }
span-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
 }
span-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
 }
span-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
 }

problem-next = What to do:
problem-code = Code
problem-home = To the start
problem-not-found = There is nothing here
problem-not-found-text = The address is wrong, or what was here is gone.
problem-stale = This form is too old
problem-stale-text = It was opened before you signed in, or it comes from another page. Go back, reload the page and send it again. Nothing was changed.
problem-origin = This request came from another site
problem-origin-text = The console accepts changes only from its own pages. Nothing was changed.
problem-bad-form = This form could not be read
problem-bad-form-text = A field is missing or given twice. Go back, reload the page and send it again. Nothing was changed.

col-name = Name
col-state = State
col-band = Band
col-policy = Policy
col-site = Site
col-sites = Sites
col-zone = Zone
col-since = Since
col-until = Valid until
col-issued = Issued
col-user = User
col-serial = Serial
col-holder = Held by
col-doors = Doors
col-actions = Actions
col-setting = Setting
col-value = Value
col-source = Set by
col-knows = Knows up to
col-unsent = Not yet sent
col-contact = Last contact
col-when = When
col-who = Who
col-what = What
col-subject = About
col-change = Change
col-role = Role
col-scopes = May
col-signed-in = Last sign-in
col-line = Line
col-column = Column
col-fault = What is wrong
problem-other = This could not be done
problem-internal = Something went wrong here
problem-internal-text = Nothing was changed. Try again; if it happens again, the console's log says why.
problem-unavailable = The console cannot do this at the moment
problem-unavailable-text = Nothing was changed. Try again in a moment.
problem-not-allowed = Your role may not do this
problem-not-allowed-text = Nothing was changed. An administrator can do it, or give you a role that may.
problem-other-site = This belongs to another site
problem-other-site-text = Your account is limited to some sites, and this is not one of them.
problem-changed-meanwhile = Somebody changed this meanwhile
problem-changed-meanwhile-text = Nothing was changed by you. Look at it again, then repeat your change.
problem-preview-outdated = The effect is another one now
problem-preview-outdated-text = Something changed since you looked at what this would do. Nothing was changed by you: look again, then decide.
problem-second-person-needed = A second person has to agree
problem-second-person-needed-text = This concerns many people. Another administrator has to confirm it.
problem-too-large = This is too large
problem-too-large-text = The file or form is larger than the console takes.
problem-too-slow = This took too long
problem-too-slow-text = The console waited for all of it, and then no longer. Look whether it was done before you send it again.
problem-too-many-requests = Too many requests
problem-too-many-requests-text = Somebody, or a program, asks for more under your account than one person can read. Nothing was changed. Wait a few seconds and try again.
problem-storage-full = The console's disk is full
problem-storage-full-text = Nothing was changed. Once there is room on the disk of the database, the console goes on by itself.
problem-storage-failed = The console's disk cannot be written
problem-storage-failed-text = Whoever runs the console has to look at its disk; the console's log says more.
change = change
mail = Mail
export = Export
nav-operators = Kiosk operators
