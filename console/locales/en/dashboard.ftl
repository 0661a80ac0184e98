home-title = { $organization } today
home-lead-calm = Everything runs as it should.
home-lead = { $count ->
    [one] One thing needs you.
   *[other] { $count } things need you.
 }
home-attention = What needs you
home-calm = Nothing needs you right now
home-calm-text = Conflicts, stations that fall silent and bands that wait will stand here, one line for each cause.
home-recent = Lately
home-recent-all = Whole audit
home-recent-none = Nothing has been done yet.
home-steps = First steps
home-users = Users
home-bands = Bands held
home-stock = Bands free
home-stations = Stations in contact
step-users = Add users
step-users-text = One by one, or from a list of your directory as CSV.
step-users-link = Add users
step-bands = Add bands to the stock
step-bands-text = The delivery list of the manufacturer will do.
step-bands-link = Add bands
step-stations = Join a station
step-stations-text = Make a join token here and type it in at the kiosk, or scan it.
step-stations-link = Make a join token
step-ticket = Issue the first ticket
step-ticket-text = With it a person shows at the kiosk who they are, with or without a network.
step-ticket-link = Issue a ticket
attention-quarantine = { $count ->
    [one] One association is in quarantine
   *[other] { $count } associations are in quarantine
 }
attention-quarantine-text = Two offline stations disagreed, or policy forbade what a station could not know. Nobody uses these bands until you decide.
attention-quarantine-link = Settle
attention-silent = { $count ->
    [one] One station has been silent for too long
   *[other] { $count } stations have been silent for too long
 }
attention-silent-text = They still enroll by what they knew last, until that is too old.
attention-silent-link = Look
attention-review = { $count ->
    [one] The journal of one station is held for inspection
   *[other] The journals of { $count } stations are held for inspection
 }
attention-review-text = They were revoked, copied from a disk image, or set back.
attention-review-link = Look
attention-lost = { $count ->
    [one] One band is reported lost
   *[other] { $count } bands are reported lost
 }
attention-lost-text = It goes to nobody but its own user until it is marked as found.
attention-lost-link = Show
attention-expired = { $count ->
    [one] One temporary band has run out and is still with its user
   *[other] { $count } temporary bands have run out and are still with their users
 }
attention-expired-text = They no longer work. Take them back and disconnect them.
attention-expired-link = Show
attention-certificate = { $count ->
    [one] One station's certificate ends within two weeks
   *[other] The certificates of { $count } stations end within two weeks
 }
attention-certificate-text = Certificates renew themselves when a station reaches the console: see why these do not.
attention-certificate-link = Look
attention-imports = { $count ->
    [one] A list waits for a second person
   *[other] { $count } lists wait for a second person
 }
attention-imports-text = It would take the bands of many people away. Somebody other than who brought it looks at the difference and agrees.
attention-imports-link = Look at it
home-lead-steps = Welcome. These steps bring the first band to somebody.
