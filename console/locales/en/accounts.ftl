sign-in = Sign in
sign-in-lead = For the people who run this plant's bands.
sign-in-help = Forgotten your password? An administrator can give you a one-time link for a new one.
sign-in-refused = This login and password do not fit together. Check both and try again. After several wrong passwords the console waits a moment longer before each answer.
sign-in-wait = Too many tries from here. Try again in { $span }.
sign-in-again = Your session has ended because nothing was done for a while. Sign in to go on.
signed-out = You are signed out.
login = Login
name = Name
name-hint = As it stands in the audit.
password = Password
password-show = Show
password-new = New password
password-new-hint = At least 15 characters. Several words in a row are easy to remember and hard to guess. No rules about digits or signs.
password-again = New password again
password-now = Present password
password-set = Set password
password-change = Change password
password-changed = The password is changed. All your other sessions have ended.
password-too-short = The password has { $count ->
    [one] one character
   *[other] { $count } characters
 }, it needs at least { $least }.
password-too-long = The password is longer than 128 characters.
password-common = This password is among those that are tried first. Choose another one.
password-own-words = This password consists mostly of your name, your login or a name of this plant. Add words that have nothing to do with it.
password-guessable = This password is easy to guess for a program. Add one or two unrelated words.
password-differs = The two passwords are not the same.
password-wrong = The present password is not right.
login-taken = Another account has this login.
login-odd = A login has 2 to 64 characters: letters, digits, dot, dash, underscore, at sign.
name-missing = A name is missing.

setup = Set up the first account
setup-lead = This one-time link makes the first administrator. Choose your login and password; the link works once.
reset = Choose a new password
reset-lead = This one-time link sets your password. It works once, and it ends your other sessions.
link-dead = This link no longer works
link-dead-text = It was used, or its time is over, or it was replaced by a newer one. An administrator can give you a new one.
link-done = The password is set. Sign in with it.
confirm-title = Confirm that it is you
confirm-lead = What you are about to do needs your password once more.
confirm-button = Confirm

sessions = Your sessions
session-this = this one
session-begun = Signed in
session-end = End
session-ended = The session has ended.
sessions-end-others = End all others
sessions-ended = All your other sessions have ended.

accounts = Accounts
accounts-lead = People who may use this console, and what each may do.
account-add = Add account
account-new = New account
account-new-lead = The person chooses the password with a one-time link that you hand over. Nobody else ever knows it.
account-more = More
account-saved = Saved.
account-role = Role
account-sites = Sites
account-sites-hint = Separated by commas. Empty: all sites.
account-link = One-time link
account-link-text = For a new password. Ends all sessions of this account when it is used; earlier links stop working.
account-link-button = Make a link
account-link-title = One-time link for { $name }
account-link-lead = Hand it over in person or through a channel you trust. It works once, for { $span }.
account-disable = Disable
account-disable-text = Ends all sessions at once. The account keeps its place in the audit.
account-enable = Enable
account-enable-text = The person can sign in again with the same password.
account-disabled = The account is disabled and its sessions have ended.
account-enabled = The account is enabled again.
account-last-administrator = This is the last administrator who can sign in. Make another one first.
account-own-role = Somebody else has to change your own role or disable your account.
account-changed-meanwhile = Somebody changed this account meanwhile. Look at it again, then repeat your change.
account-role-unknown = Choose one of the roles.
roles-title = What each role may do

account-state-active = Active
account-state-invited = Not yet used
account-state-disabled = Disabled

api-keys = API keys
api-keys-lead = For programs. Each key is shown once, and only its digest is kept.
api-keys-none = No program has a key
api-keys-none-text = Make one for each program, with no more than it needs.
api-key-add = Make a key
api-key-title = Key for { $name }
api-key-lead = Send it with each request as “Authorization: Bearer …”.
api-key-text = Key
api-key-days = Valid for days
api-key-days-hint = 1 to 730.
api-key-revoked = The key is revoked. Programs that use it are refused from now on.
api-key-scopes = May
api-key-read = Read
api-key-write = Read and change
api-key-state-active = In use
api-key-state-expired = Expired
api-key-state-revoked = Revoked
reset-for = For the account
organization = Organization
organization-name = Name of the organization
organization-renamed = The organization has its new name.
organization-about = What it is known by
organization-id = Id
organization-lineage = Life of this database
organization-authority = Certificate authority
organization-authority-text = Stations know the console by this authority. Another one can take its place without a gap: stations get certificates of it by themselves and trust both meanwhile; the console leaves the earlier one as soon as none needs it.
authority-next = Next certificate authority
authority-waiting = Stations that have not gone over to it
authority-nobody = none
authority-more = and { $count } more
authority-make = New authority
authority-make-title = Make a new certificate authority?
authority-make-stations = { $count ->
    [0] No station has joined yet: each gets its certificate of the new one.
    [one] One station is told at once, gets a certificate of the new one by itself, and trusts both meanwhile.
   *[other] { $count } stations are told at once, get certificates of the new one by themselves, and trust both meanwhile.
}
authority-make-leave = As soon as no station needs the present one, the console leaves it by itself. Until then everything works by both.
authority-make-tokens = { $count ->
    [one] One join token names the present one and holds it up until the token is used or has expired.
   *[other] { $count } join tokens name the present one and hold it up until they are used or have expired.
}
authority-made = The new authority is there. Stations are told now.
authority-retire = Leave the earlier authority
authority-retire-title = Leave the earlier certificate authority now?
authority-retire-nobody = No station needs it any more.
authority-retire-cut = { $count ->
    [one] One station has not gone over and is cut off, until somebody lets it join again with a token made for it: { $names }.
   *[other] { $count } stations have not gone over and are cut off, until somebody lets them join again with tokens made for them: { $names }.
}
authority-retire-tokens = { $count ->
    [one] One join token that was not used yet is ended.
   *[other] { $count } join tokens that were not used yet are ended.
}
authority-retired = The earlier authority is gone.
rotate-codes = New key for typed codes
rotate-codes-title = Make a new key for typed codes?
rotate-old-code = Key { $id } is used until then. Codes given out before go on to hold.
organization-keys = Keys
organization-keys-lead = Stations are told a new key a day before it signs. What an earlier key signed goes on to hold.
rotate-tickets = New key for tickets
rotate-feed = New key for the feed
rotate-tickets-title = Make a new key for tickets?
rotate-feed-title = Make a new key for what stations are told?
rotate-button = Make the key
rotate-new = Key { $id } signs from { $at } on.
rotate-old-ticket-issuer = Key { $id } signs until then. Its tickets go on to hold.
rotate-old-feed = Key { $id } signs until then. What stations know by it stays.
rotate-stations = { $near } of { $all } stations were in contact within a day and know the key in time.
rotate-far = { $count ->
    [one] One station is away: it learns of the key when it comes back, and refuses what is signed by it until then.
   *[other] { $count } stations are away: they learn of the key when they come back, and refuse what is signed by it until then.
 }
rotate-wait = No other new key can be made for { $span }.
rotate-done = Key { $id } is made. Stations are told now.
key-ticket-issuer = Tickets
key-feed = Feed
key-code = Codes to type
key-kind = For
key-number = Number
key-mark = Begins with
key-state-holds = Holds
key-state-coming = Signs soon
key-state-retired = Signs no more
makes = Makers of bands
makes-lead = A band is only enrolled if one of these makers signed it.
makes-none = No maker yet
makes-none-text = Without the key of a maker no band is enrolled. It comes with the first delivery.
make-add = Add a maker
make-lead = Check the key by another way than the one it came by, such as a call.
make-name = Maker
make-name-hint = What people call it.
make-key = Public key
make-key-hint = 64 hexadecimal digits.
make-added = Bands of this maker are welcome. Stations learn of it with their next contact.
factor-code = Code
code-hint = Six digits of your app, or one of your codes on paper.
code-title = One more step
code-lead = The password was right. Now the code that your app shows.
code-help = Lost app and paper? An administrator can remove the second factor.
code-wrong = This is not the code of this moment, or it was used already. Each works once.
factor = Second factor
factor-on = On
factor-off = Off
factor-lead = With a second factor you show a code of an app on your phone beside the password. Whoever learns your password alone cannot sign in.
factor-due = Set up a second factor first
factor-due-lead = Your role ({ $role }) needs one: a code of an app on your phone beside the password. Nothing else opens before. You need the phone at hand; it takes a minute.
factor-needed = Your role needs it.
factor-require = Require a second factor
factor-require-lead = Whoever has one of these roles and no second factor is led to set one up with the next click, and can do nothing else before. You too. Keys of the API go on.
factor-require-saved = It holds from now on.
factor-required-yes = Required
factor-required-no = As everybody likes
factor-required-of = A second factor is required of: { $roles }.
factor-required-none = nobody
factor-setup = Set up an app
factor-setup-lead = Scan this with an app that makes codes, such as the one of your company, and type the code that it shows.
factor-text = Or type this into the app
factor-bind = Turn on
factor-code-hint = The six digits that the app shows now.
factor-codes = Codes on paper
factor-codes-title = The second factor is on
factor-codes-lead = Print these codes or write them down, and keep them away from the phone. Each lets you in once, on the day when the app is gone.
factor-codes-left = { $count ->
    [0] No code on paper is left: make new ones.
    [one] One code on paper is left: make new ones.
   *[other] { $count } codes on paper are left.
 }
factor-new-codes = New codes on paper
factor-remove = Turn off
factor-removed = The second factor is off.
factor-was-reset = The second factor is removed, and the person is signed out everywhere.
account-factor = Remove the second factor
account-factor-text = For somebody who lost phone and paper. Make sure on another way that it is really them. It ends all sessions.
key-manufacturer = Maker of bands
rotate-no-stations = No station has joined yet: each learns of the key when it joins.
