language-name = English
language-direction = ltr

page-title = Bandstand
brand = Bandstand
no-script = This page needs JavaScript. Please call an operator.
language-choice = Language
sound = Sounds
theme = Light or dark
back = Back
stop = Stop
stopping = Stopping …
closing = Are you still there? This screen is about to be cleared.
closing-stay = I need more time
lost-title = One moment
lost-text = The station is not answering. This page comes back by itself. If it stays like this, please call an operator.
steps = Steps
step-ticket = Ticket
step-band = Band
step-finger = Finger
step-done = Done

welcome-title = Welcome
welcome-lead = Get your band ready. It takes about a minute.
welcome-lead-registration = Register your band for production. It takes a few seconds.
welcome-scan = Hold your ticket to the camera
welcome-type = Type the code
welcome-operator = Operator

radio-starting = The station is starting. Please wait a moment.
radio-off = The station’s Bluetooth is switched off. Please call an operator.
radio-absent = The station’s Bluetooth adapter is missing. Please call an operator.
radio-bluez-down = The station’s Bluetooth service is not running. Please call an operator.
radio-bus-down = The station cannot reach its Bluetooth service. Please call an operator.
radio-no-permission = The station may not use its Bluetooth adapter. Please call an operator.

busy-title = One moment
busy-lead = Somebody is using this station from its command line.

scan-title = Hold your ticket to the camera
scan-lead = Keep the square code flat and still, about a hand’s width away.
scan-camera = Picture of the camera
scan-type = Type the code instead

type-title = Type the code
type-lead = It has ten letters and digits and stands below the square on your ticket.
type-label = Code
type-keys = Keys
type-back = Delete the last one
type-go = Go on
slip-malformed = That is not a code. Please look for a slip of the finger.
slip-unknown = This code is not known here. Please check it, or ask for a new ticket.
slip-no-camera = The camera cannot be used. Please type the code.
slip-moment = The station was busy for a moment. Please try again.

checking-title = Checking your ticket
checking-lead = This takes a moment.

hello = Hello, { $name }
bands-nearby = Bands nearby
bands-none = No band can be seen. Press its button to wake it. If its screen stays dark, charge it for half an hour.
band-looking-title = Hold your band to the station
band-looking-lead = Bring it close, and keep other bands away.
band-several-title = Several bands are close
band-several-lead = Hold only your own band to the station.
band-connecting-title = Stay close
band-connecting-lead = The station is talking to your band.
band-checking-title = Stay close
band-checking-lead = The station is checking whether you may have this band.
band-near = Close
band-far = Further away
band-serial = Band
note-locked-out = Locked after wrong touches. Wait, or take another one.
note-battery-low = Battery almost empty. Charge it, or take another one.
note-charging = On its charger
note-enrolled = In use by somebody
note-not-worn = Not on a wrist

put-on-title = Put your band on
put-on-lead = Above the wrist bone, snug, with the sensor up.
put-on-then = When this is done:

compare-title = Does your band show this code?
compare-lead = Look at the screen of the band on your wrist.
compare-code = Code:
compare-same = Yes, the same
compare-different = No, another one
confirm-title = Now confirm on your band
confirm-lead = Press the button on the band.

touch-of = of { $of }
touch-first-title = Put a finger on the sensor
touch-first-lead = Touch the sensor and the metal edge. Hold still until the band says lift.
touch-first-title-registration = Put your finger on the sensor
touch-first-lead-registration = The finger with which your band was enrolled. Hold still until the band says lift.
touch-again-title = Lift, and touch again
touch-again-lead = Always the same finger, each time a little different.
touch-finger-title = Once more, please
touch-finger-lead = That touch did not count. Nothing is lost.
touch-pulse-title = Your finger is fine
touch-pulse-lead = The band could not feel your pulse. Nothing is lost.
trouble-finger = The finger
trouble-pulse = The pulse, not the finger
fault-no-match = It looks like another finger.
fault-off-center = The finger was not in the middle.
fault-wet = The finger is too wet.
fault-dry = The finger is too dry.
fault-sensor-dirty = The sensor is dirty.
fault-moved = The finger moved or was lifted too early.
fault-no-liveness = No steady heartbeat was felt.
fault-motion = The arm moved.
tip-same-finger = Use the same finger each time.
tip-enrolled-finger = Use the finger with which your band was enrolled.
tip-center-finger = Lay the finger flat on the middle of the sensor.
tip-dry-finger = Dry your finger and the sensor.
tip-moisten-finger = Breathe on your finger.
tip-clean-sensor = Wipe the sensor with a dry cloth.
tip-hold-still = Keep the finger still until you are asked to lift it.
tip-snug-band = Close the band snugly above the wrist bone, and clean the skin below it.
tip-rest-arm = Rest your arm on the table and breathe calmly.
touch-many = It does not work? Try another finger after starting again, or ask an operator.
touch-many-registration = It does not work? Start again with the finger with which your band was enrolled, or ask an operator.

saving-title = Almost done
saving-lead = Keep the band close. Everything is being saved.
bring-back-title = Bring your band back
bring-back-lead = The connection was lost. Nothing is lost: hold the band to the station again.
other-band-title = This is another band
other-band-lead = Please hold the band to the station with which you began.

delete-title = First delete the old data on your band
delete-lead = You may have this band. Only what it held before is in the way.
delete-1 = Take the band off and put it on its charger.
delete-2 = Hold the lower button for about ten seconds.
delete-3 = Wait for two short buzzes. Then put the band on again.

test-enrolled = Your band is enrolled.
test-enrolled-registration = Your band is registered.
test-title = A short test
test-lead = Hold your band to the station once more.
test-failed-title = The band was not seen
test-failed-lead = Hold it close to the station and try again.
test-again = Test again
test-skip = Leave out the test

done-title = Your band is ready
done-lead = All set, { $name }. Keep it on; your finger opens it every day.
done-untested = The test did not work. If your band does not work either, please tell an operator.
done-afterwards = Still to do
done-next = Finished
done-receipt = Your receipt
receipt-text =
    Bandstand receipt
    Band { $serial }
    { $time }
    Number { $association }
afterwards-registration = Register your band at the station in production.
afterwards-doors = Hold your band to a door reader, so that doors learn it.
afterwards-security-key = Make your security key again; the old one stays on the old band.
afterwards-workstation = Sign in once at your workstation, wearing your band.

effect-new-association = This is your active band.
effect-new-association-until = This is your active band until it expires.
effect-earlier-association-renewed = Its earlier enrollment is replaced.
effect-band-active-again = It was inactive and is active again.
effect-old-band-inactive = Your other band { $band } is inactive.
effect-old-band-inactive-primary = Your other band { $band } is inactive and stays your main one.
effect-previous-owner-ends = It no longer belongs to whoever had it before.
effect-previous-owner-told = Whoever had it before is told.
effect-band-found = It is no longer reported lost.

mismatch-wiped-while-held = The data on this band was deleted, but the band still counts as yours.
mismatch-wiped-while-held-by-another = The data on this band was deleted, but the band still counts as somebody else’s.
mismatch-record-outlives-release = This band was released, but it still holds your data.
mismatch-record-of-user-not-holder = This band holds your data, but counts as somebody else’s.
mismatch-record-of-another-on-free-band = This band counts as free, but it holds somebody else’s data.
mismatch-record-of-another-on-own-band = This band counts as yours, but it holds somebody else’s data.

elsewhere-title = This page is open in another window
elsewhere-lead = A station has one page at a time.
elsewhere-take = Go on here
