refused-you = What you can do
refused-operator = What the operator can do
refused-decided = Decided by { $by }
refused-code = Reason
refused-again = Back to the start

source-built-in = the built-in default of “{ $setting }”
source-group = “{ $setting }” of the group policy { $policy }
source-individual = “{ $setting }” of the individual policy { $policy }

rule-user-must-be-active = the rule that bands are for active users
rule-suspension-stands = the rule that a station never undoes a suspension
rule-withdrawn-band-stays-out = the rule that damaged and retired bands stay out of use
rule-seos-band-stays-with-user = the rule that a band with a door credential changes hands only through an administrator
rule-suspended-user-keeps-band = the rule that the band of a suspended person is not taken over
rule-lost-band-stays-out = the rule that a lost band goes to nobody but its own user
rule-doubt-stays = the rule that a band with two holders goes to nobody else
rule-first-band-is-free = the rule that a first band is a free one
rule-seos-user-keeps-own-band = the rule that whoever has a band with a door credential keeps it
rule-enrolled-before-registered = the rule that a band is enrolled before it is registered
rule-clock-must-be-trusted = the rule that a clock that ran backward allows no take-over
rule-free-band-for-user-without-one = the rule that whoever has no active band may have a free one

setting-reenroll-own = replace one’s own band
setting-reenroll-any = take over another person’s band
setting-stock-enforced = only bands of the stock
setting-takeover-max-age-s = freshness for a take-over
setting-offline-max-age-s = time without the console
setting-battery-min-percent = least charge
setting-liveness = pulse check
setting-haptics = vibration
setting-label = name on the band
setting-label-custom = own name on the band
setting-idle-logout-s = time until sign-out

reason-user-not-active-title = You have no access here at present
reason-user-not-active-why = Bands are for active users of this plant, and your account is not active.
reason-user-not-active-you = Ask the operator, or the office that gave you the ticket.
reason-user-not-active-operator = Have the administrator check this person’s account. Once it is active, start again.

reason-user-suspended-title = Your use of bands is suspended
reason-user-suspended-why = An administrator has suspended it. A station cannot undo that.
reason-user-suspended-you = Talk to the operator. Your band stays as it is.
reason-user-suspended-operator = Only an administrator can resume this person, at the console.

reason-band-withdrawn-title = This band is out of use
reason-band-withdrawn-why = It is marked as damaged or retired.
reason-band-withdrawn-you = Hand it in and take another band.
reason-band-withdrawn-operator = Keep the band apart. Give out one from the stock.

reason-band-not-in-stock-title = This band is not on the list
reason-band-not-in-stock-why = Only bands of the plant’s stock can be used here.
reason-band-not-in-stock-you = Take a band from the stock.
reason-band-not-in-stock-operator = Give out a band of the stock, or have the administrator add this one to the stock list.

reason-replica-too-old-title = This station knows too little
reason-replica-too-old-why = It has had no contact with the console for too long to decide.
reason-replica-too-old-you = Use another station, or come back later.
reason-replica-too-old-operator = Connect the station to the network. It goes on by itself as soon as the console answers.

reason-seos-held-by-another-title = This band opens doors for somebody else
reason-seos-held-by-another-why = A band with a door credential changes hands only through an administrator.
reason-seos-held-by-another-you = Put it back and take another band.
reason-seos-held-by-another-operator = An administrator can release it at the console. Until then give out another one.

reason-band-withheld-title = This band has to be handed in
reason-band-withheld-why = It is reported lost, or belongs to somebody who is suspended.
reason-band-withheld-you = Please hand it in here and take another band.
reason-band-withheld-operator = Keep the band. An administrator marks it as found at the console.

reason-held-by-another-title = This band belongs to somebody else
reason-held-by-another-why = It is in use by another person, and may not be taken over.
reason-held-by-another-you = Take a band that belongs to nobody.
reason-held-by-another-operator = Have the administrator disconnect the band from its holder, or give out a free one.

reason-first-band-must-be-free-title = Your first band must be a free one
reason-first-band-must-be-free-why = This one belongs to somebody else.
reason-first-band-must-be-free-you = Take a band that belongs to nobody.
reason-first-band-must-be-free-operator = Give out a free band from the stock.

reason-seos-user-own-band-only-title = Your own band opens doors
reason-seos-user-own-band-only-why = Whoever has a band with a door credential keeps it; another one cannot replace it here.
reason-seos-user-own-band-only-you = Use your own band.
reason-seos-user-own-band-only-operator = Only an administrator can release the present band at the console.

reason-release-needed-title = You already have a band
reason-release-needed-why = It has to be released before you can enroll again. Do not delete anything on your band.
reason-release-needed-you = Ask for the release of your band, or keep using it.
reason-release-needed-operator = Have the administrator disconnect this person’s present band, then start again.

reason-enrollment-missing-title = This band is not enrolled for you yet
reason-enrollment-missing-why = It must be enrolled on the IT side before it can be registered here.
reason-enrollment-missing-you = Go to an enrollment station first, with this band.
reason-enrollment-missing-operator = Check at the enrollment side whether the band is enrolled for this person.

reason-replica-too-old-for-takeover-title = This station must ask the console first
reason-replica-too-old-for-takeover-why = A band can pass from one person to another only on fresh knowledge.
reason-replica-too-old-for-takeover-you = Take a band that belongs to nobody, or come back later.
reason-replica-too-old-for-takeover-operator = Connect the station to the network, or give out a free band.

reason-user-unknown-title = This station does not know you
reason-user-unknown-why = You are not among the people it was told of.
reason-user-unknown-you = Ask the operator whether you are at the right station.
reason-user-unknown-operator = Have the administrator add the person, or let the station reach the console.

reason-facts-contradict-title = Something does not fit together
reason-facts-contradict-why = What this station knows of your bands contradicts itself, so it decides nothing.
reason-facts-contradict-you = Ask the operator. You have done nothing wrong.
reason-facts-contradict-operator = Have the administrator look at this person’s bands at the console.

reason-ticket-reused-title = This ticket was used before
reason-ticket-reused-why = A ticket works once.
reason-ticket-reused-you = Ask for a new ticket.
reason-ticket-reused-operator = Issue a new ticket, or vouch for the person.

reason-battery-low-title = The band’s battery is too low
reason-battery-low-why = It might not last until everything is saved.
reason-battery-low-you = Charge the band for half an hour, or take another one.
reason-battery-low-operator = Give out a charged band from the stock.

reason-band-locked-out-title = The band is locked for a while
reason-band-locked-out-why = Too many touches did not count. It opens again in { $detail } seconds.
reason-band-locked-out-you = Wait, then start again. Or take another band.
reason-band-locked-out-operator = Wait for the lock to end. Deleting the band’s data ends it too; do so only with a free band.

reason-not-worn-title = The band was not put on
reason-not-worn-why = It has to be on your wrist before it takes a finger.
reason-not-worn-you = Put the band on, snug above the wrist bone, and start again.
reason-not-worn-operator = If it is on and the station does not see that, clean the back of the band.

reason-code-mismatch-title = The codes were not the same
reason-code-mismatch-why = You were talking to another band, or somebody was in between. Nothing was saved.
reason-code-mismatch-you = Start again with only your band close to the station.
reason-code-mismatch-operator = If it happens twice, keep other bands away and tell the administrator.

reason-code-not-confirmed-title = Nobody confirmed the code
reason-code-not-confirmed-why = The code has to be compared before anything is saved.
reason-code-not-confirmed-you = Start again and compare the two codes.
reason-code-not-confirmed-operator = Help to compare the codes on band and screen.

reason-wearer-declined-title = You said no on the band
reason-wearer-declined-why = So nothing was saved.
reason-wearer-declined-you = Start again if that was not meant.
reason-wearer-declined-operator = Show which button of the band means yes.

reason-wearer-timed-out-title = The band waited for a finger
reason-wearer-timed-out-why = It stopped after a while. Nothing was saved.
reason-wearer-timed-out-you = Start again when you are ready.
reason-wearer-timed-out-operator = Show where the finger goes.

reason-cancelled-title = Stopped
reason-cancelled-why = Nothing was saved.
reason-cancelled-you = Start again when you are ready.
reason-cancelled-operator = Nothing to do.

reason-user-data-not-deleted-title = The old data is still on the band
reason-user-data-not-deleted-why = It was not deleted in time.
reason-user-data-not-deleted-you = Put the band on its charger, hold its lower button until it buzzes twice, and start again.
reason-user-data-not-deleted-operator = Help to delete the band’s data, or give out a free band.

reason-link-lost-title = The band cannot be reached
reason-link-lost-why = It was out of reach, asleep, or empty.
reason-link-lost-you = Press its button, hold it close to the station and start again.
reason-link-lost-operator = If its screen stays dark, charge it for half an hour or give out another one.

reason-too-many-contacts-title = There were too many interruptions
reason-too-many-contacts-why = The connection to the band was lost again and again.
reason-too-many-contacts-you = Start again, and keep the band close to the station.
reason-too-many-contacts-operator = Give out another band. If that is the same, look at the station’s radio.

reason-wrong-organization-title = This band serves another organization
reason-wrong-organization-why = It takes orders only from there.
reason-wrong-organization-you = Take another band.
reason-wrong-organization-operator = Hand it back to its owner. Deleting its data on its charger makes it free.

reason-station-not-accepted-title = The band does not trust this station
reason-station-not-accepted-why = The station’s certificate is not accepted, or has ended.
reason-station-not-accepted-you = Use another station.
reason-station-not-accepted-operator = Tell the administrator to renew the station’s certificate, and check the station’s date.

reason-version-unsupported-title = Band and station do not understand each other
reason-version-unsupported-why = One of the two needs an update.
reason-version-unsupported-you = Take another band or use another station.
reason-version-unsupported-operator = Tell the administrator the band’s serial and the station’s version.

reason-band-not-genuine-title = This is not a band of a known make
reason-band-not-genuine-why = It could not prove who made it.
reason-band-not-genuine-you = Hand it in and take another band.
reason-band-not-genuine-operator = Keep it and give it to the administrator.

reason-band-refused-title = The band does not do what it is asked
reason-band-refused-why = It gave reason { $detail }.
reason-band-refused-you = Take another band.
reason-band-refused-operator = Keep it and give it to the administrator, with the number of the reason.

reason-band-storage-fault-title = The band cannot save anything
reason-band-storage-fault-why = Its memory is faulty.
reason-band-storage-fault-you = Hand it in and take another band.
reason-band-storage-fault-operator = Keep it and give it to the administrator.

reason-receipt-invalid-title = The band’s proof is not valid
reason-receipt-invalid-why = It says that it is enrolled, and cannot prove it.
reason-receipt-invalid-you = Hand it in and take another band.
reason-receipt-invalid-operator = Keep it and give it to the administrator.

reason-band-quarantined-title = This band has to be looked at
reason-band-quarantined-why = It proves an enrollment that this station may not believe.
reason-band-quarantined-you = Hand it in and take another band.
reason-band-quarantined-operator = Give it to the administrator, who decides at the console.

reason-station-storage-fault-title = This station cannot save anything
reason-station-storage-fault-why = Without that nothing is enrolled.
reason-station-storage-fault-you = Use another station.
reason-station-storage-fault-operator = Tell the administrator. The station’s disk is faulty, full or read-only.

reason-store-full-title = This station’s disk is full
reason-store-full-why = Nothing new is begun until there is space.
reason-store-full-you = Use another station.
reason-store-full-operator = Free disk space. The station goes on by itself.

reason-daemon-unreachable-title = The station is stopping
reason-daemon-unreachable-why = It may start again in a moment.
reason-daemon-unreachable-you = Wait a moment and start again.
reason-daemon-unreachable-operator = If it does not come back, look at the station’s service.

reason-radio-unavailable-title = The station’s radio does not work
reason-radio-unavailable-why = Without Bluetooth it reaches no band.
reason-radio-unavailable-you = Use another station.
reason-radio-unavailable-operator = Look at the diagnosis: adapter, service, permissions.

reason-busy-title = One moment, please
reason-busy-why = Somebody else is being served right now.
reason-busy-you = Wait a moment and start again.
reason-busy-operator = Nothing to do. If it stays so, look at what is under way.

reason-ticket-malformed-title = This is not a ticket
reason-ticket-malformed-why = The code that was read is something else.
reason-ticket-malformed-you = Hold your Bandstand ticket to the camera.
reason-ticket-malformed-operator = Check the ticket, or issue a new one.

reason-ticket-forged-title = This ticket is not from here
reason-ticket-forged-why = It was not issued by this plant, or it was changed.
reason-ticket-forged-you = Ask for a new ticket.
reason-ticket-forged-operator = Issue a new ticket. Tell the administrator if it happens more often.

reason-ticket-unknown-code-title = This code is not known
reason-ticket-unknown-code-why = No ticket here has it.
reason-ticket-unknown-code-you = Check the code, or ask for a new ticket.
reason-ticket-unknown-code-operator = Issue a new ticket, or vouch for the person.

reason-ticket-other-site-title = This ticket is for another site
reason-ticket-other-site-why = It cannot be used here.
reason-ticket-other-site-you = Go to the station that is named on the ticket.
reason-ticket-other-site-operator = Issue a ticket for this site.

reason-ticket-other-zone-title = This ticket is for another kind of station
reason-ticket-other-zone-why = Some are for enrollment, some for registration.
reason-ticket-other-zone-you = Ask which station you need.
reason-ticket-other-zone-operator = Issue a ticket for this zone.

reason-ticket-not-yet-valid-title = It is too early for this ticket
reason-ticket-not-yet-valid-why = Its time has not come.
reason-ticket-not-yet-valid-you = Come back at the time on the ticket.
reason-ticket-not-yet-valid-operator = Issue a new ticket. Check the station’s date, too.

reason-ticket-expired-title = This ticket has expired
reason-ticket-expired-why = Its time is over.
reason-ticket-expired-you = Ask for a new ticket.
reason-ticket-expired-operator = Issue a new ticket, or vouch for the person.

reason-ticket-revoked-title = This ticket was taken back
reason-ticket-revoked-why = An administrator has withdrawn it.
reason-ticket-revoked-you = Ask for a new ticket.
reason-ticket-revoked-operator = Ask the administrator why, before issuing a new one.

reason-operator-not-allowed-title = You may not do this here
reason-operator-not-allowed-why = Your operator’s rights do not include it.
reason-operator-not-allowed-you = Ask another operator.
reason-operator-not-allowed-operator = Have the administrator give the right.

reason-vouch-for-oneself-title = Nobody vouches for oneself
reason-vouch-for-oneself-why = Somebody else has to say who you are.
reason-vouch-for-oneself-you = Ask another operator, or use a ticket.
reason-vouch-for-oneself-operator = Ask a colleague.

reason-wrong-pin-title = Operator or PIN is wrong
reason-wrong-pin-why = It was counted as a failed try.
reason-wrong-pin-you = Try again slowly.
reason-wrong-pin-operator = Try again slowly. After some failures there is a wait.

reason-too-many-attempts-title = Please wait a little
reason-too-many-attempts-why = There were too many wrong tries, so this has to rest for a while.
reason-too-many-attempts-you = Wait a minute, then try again.
reason-too-many-attempts-operator = Nothing to do but wait. A ticket to scan works meanwhile.

reason-band-not-of-operator-title = This band signs nobody in here
reason-band-not-of-operator-why = It is not the band of an operator whom this station knows.
reason-band-not-of-operator-you = Hold your own band to the station, or sign in by name and PIN.
reason-band-not-of-operator-operator = Have the administrator enter in your operator’s record which user you are. Then your band signs you in.

reason-operator-ambiguous-title = Several operators have this band
reason-operator-ambiguous-why = More than one operator’s record names this user, so the band does not say which one you are.
reason-operator-ambiguous-you = Sign in by name and PIN.
reason-operator-ambiguous-operator = Have the administrator leave one of these operators, or let each name another user.

reason-band-reported-lost-title = This band is reported lost
reason-band-reported-lost-why = A lost band signs nobody in.
reason-band-reported-lost-you = If it is yours and you have found it, sign in by name and PIN and have it marked as found.
reason-band-reported-lost-operator = Keep the band. An administrator marks it as found at the console.

reason-association-not-active-title = This is not your present band
reason-association-not-active-why = Its enrollment has ended, or another band took its place.
reason-association-not-active-you = Use the band that you work with, or sign in by name and PIN.
reason-association-not-active-operator = Look at “Check a band”: it says what became of this one.

reason-association-unproven-title = This band has not proved its enrollment
reason-association-unproven-why = The station was told of it, but has no proof that the band itself made.
reason-association-unproven-you = Sign in by name and PIN.
reason-association-unproven-operator = Enroll the band again. From then on its own proof is there.

reason-band-unsettled-title = An enrollment on this band is not settled
reason-band-unsettled-why = It comes first; nothing of it may be lost.
reason-band-unsettled-you = Keep the band at the station for a moment, then try again.
reason-band-unsettled-operator = The station settles it by itself while the band is near. Then try again.

reason-finger-not-recognized-title = Your finger was not recognized
reason-finger-not-recognized-why = The band knows the finger with which it was enrolled, and this was another one. It was counted as a failed try.
reason-finger-not-recognized-you = Try again with the finger that you enrolled, or sign in by name and PIN.
reason-finger-not-recognized-operator = After some failures there is a wait. If it never works, enroll the band again.

reason-internal-title = Something went wrong
reason-internal-why = It is a fault of the station, not yours.
reason-internal-you = Start again, or use another station.
reason-internal-operator = Tell the administrator the reason’s name below and the time.
