language-name = Deutsch
language-direction = ltr

page-title = Bandstand
brand = Bandstand
no-script = Diese Seite braucht JavaScript. Bitte rufen Sie jemanden von der Betreuung.
language-choice = Sprache
sound = Töne
theme = Hell oder dunkel
back = Zurück
stop = Abbrechen
stopping = Wird abgebrochen …
closing = Sind Sie noch da? Dieser Bildschirm wird gleich geleert.
closing-stay = Ich brauche mehr Zeit
lost-title = Einen Moment
lost-text = Die Station antwortet nicht. Diese Seite kommt von selbst wieder. Wenn es so bleibt, rufen Sie bitte die Betreuung.
steps = Schritte
step-ticket = Ticket
step-band = Band
step-finger = Finger
step-done = Fertig

welcome-title = Willkommen
welcome-lead = Machen Sie Ihr Band bereit. Es dauert etwa eine Minute.
welcome-lead-registration = Melden Sie Ihr Band für die Produktion an. Es dauert nur Sekunden.
welcome-scan = Ticket vor die Kamera halten
welcome-type = Code eintippen
welcome-operator = Betreuung

radio-starting = Die Station startet. Bitte warten Sie einen Moment.
radio-off = Das Bluetooth der Station ist ausgeschaltet. Bitte rufen Sie die Betreuung.
radio-absent = Der Bluetooth-Adapter der Station fehlt. Bitte rufen Sie die Betreuung.
radio-bluez-down = Der Bluetooth-Dienst der Station läuft nicht. Bitte rufen Sie die Betreuung.
radio-bus-down = Die Station erreicht ihren Bluetooth-Dienst nicht. Bitte rufen Sie die Betreuung.
radio-no-permission = Die Station darf ihren Bluetooth-Adapter nicht benutzen. Bitte rufen Sie die Betreuung.

busy-title = Einen Moment
busy-lead = Jemand benutzt diese Station gerade von der Befehlszeile aus.

scan-title = Halten Sie Ihr Ticket vor die Kamera
scan-lead = Das Quadrat flach und ruhig halten, etwa eine Handbreit entfernt.
scan-camera = Bild der Kamera
scan-type = Stattdessen den Code eintippen

type-title = Tippen Sie den Code ein
type-lead = Er hat zehn Buchstaben und Ziffern und steht unter dem Quadrat auf Ihrem Ticket.
type-label = Code
type-keys = Tasten
type-back = Letztes Zeichen löschen
type-go = Weiter
slip-malformed = Das ist kein Code. Vielleicht haben Sie sich vertippt?
slip-unknown = Dieser Code ist hier nicht bekannt. Bitte prüfen Sie ihn, oder bitten Sie um ein neues Ticket.
slip-no-camera = Die Kamera ist nicht benutzbar. Bitte tippen Sie den Code ein.
slip-moment = Die Station war kurz beschäftigt. Bitte versuchen Sie es noch einmal.

checking-title = Ihr Ticket wird geprüft
checking-lead = Das dauert einen Moment.

hello = Guten Tag, { $name }
bands-nearby = Bänder in der Nähe
bands-none = Kein Band ist zu sehen. Wecken Sie es mit seinem Knopf. Bleibt es dunkel, laden Sie es eine halbe Stunde.
band-looking-title = Halten Sie Ihr Band an die Station
band-looking-lead = Ganz nah, und andere Bänder weiter weg.
band-several-title = Mehrere Bänder sind nah
band-several-lead = Halten Sie nur Ihr eigenes Band an die Station.
band-connecting-title = Bleiben Sie nah
band-connecting-lead = Die Station spricht mit Ihrem Band.
band-checking-title = Bleiben Sie nah
band-checking-lead = Die Station prüft, ob Sie dieses Band haben dürfen.
band-near = Nah
band-far = Weiter weg
band-serial = Band
note-locked-out = Nach Fehlversuchen gesperrt. Warten Sie, oder nehmen Sie ein anderes.
note-battery-low = Akku fast leer. Laden Sie es, oder nehmen Sie ein anderes.
note-charging = Auf dem Ladegerät
note-enrolled = Gehört schon jemandem
note-not-worn = An keinem Handgelenk

put-on-title = Legen Sie Ihr Band an
put-on-lead = Oberhalb des Handgelenkknochens, eng anliegend, Sensor nach oben.
put-on-then = Wenn alles erledigt ist:

compare-title = Zeigt Ihr Band diesen Code?
compare-lead = Schauen Sie auf den Bildschirm des Bandes an Ihrem Handgelenk.
compare-code = Code:
compare-same = Ja, derselbe
compare-different = Nein, ein anderer
confirm-title = Bestätigen Sie jetzt am Band
confirm-lead = Drücken Sie den Knopf am Band.

touch-of = von { $of }
touch-first-title = Legen Sie einen Finger auf den Sensor
touch-first-lead = Berühren Sie Sensor und Metallrand. Still halten, bis das Band sagt, dass Sie abheben sollen.
touch-first-title-registration = Legen Sie Ihren Finger auf den Sensor
touch-first-lead-registration = Den Finger, mit dem Ihr Band eingerichtet wurde. Still halten, bis das Band sagt, dass Sie abheben sollen.
touch-again-title = Abheben und noch einmal auflegen
touch-again-lead = Immer derselbe Finger, jedes Mal ein wenig anders.
touch-finger-title = Bitte noch einmal
touch-finger-lead = Diese Berührung zählte nicht. Nichts ist verloren.
touch-pulse-title = Ihr Finger ist in Ordnung
touch-pulse-lead = Das Band konnte Ihren Puls nicht fühlen. Nichts ist verloren.
trouble-finger = Der Finger
trouble-pulse = Der Puls, nicht der Finger
fault-no-match = Es sieht nach einem anderen Finger aus.
fault-off-center = Der Finger lag nicht in der Mitte.
fault-wet = Der Finger ist zu nass.
fault-dry = Der Finger ist zu trocken.
fault-sensor-dirty = Der Sensor ist schmutzig.
fault-moved = Der Finger hat sich bewegt oder wurde zu früh abgehoben.
fault-no-liveness = Es war kein gleichmäßiger Herzschlag zu fühlen.
fault-motion = Der Arm hat sich bewegt.
tip-same-finger = Nehmen Sie jedes Mal denselben Finger.
tip-enrolled-finger = Nehmen Sie den Finger, mit dem Ihr Band eingerichtet wurde.
tip-center-finger = Legen Sie den Finger flach auf die Mitte des Sensors.
tip-dry-finger = Trocknen Sie Finger und Sensor ab.
tip-moisten-finger = Hauchen Sie Ihren Finger an.
tip-clean-sensor = Wischen Sie den Sensor mit einem trockenen Tuch ab.
tip-hold-still = Halten Sie den Finger still, bis Sie abheben sollen.
tip-snug-band = Schließen Sie das Band eng oberhalb des Handgelenkknochens, und reinigen Sie die Haut darunter.
tip-rest-arm = Legen Sie den Arm auf den Tisch und atmen Sie ruhig.
touch-many = Es klappt nicht? Fangen Sie noch einmal an und nehmen einen anderen Finger, oder fragen Sie die Betreuung.
touch-many-registration = Es klappt nicht? Fangen Sie noch einmal mit dem Finger an, mit dem Ihr Band eingerichtet wurde, oder fragen Sie die Betreuung.

saving-title = Gleich fertig
saving-lead = Lassen Sie das Band nah. Alles wird gespeichert.
bring-back-title = Halten Sie Ihr Band wieder her
bring-back-lead = Die Verbindung ist abgerissen. Nichts ist verloren: Halten Sie das Band wieder an die Station.
other-band-title = Das ist ein anderes Band
other-band-lead = Halten Sie bitte das Band an die Station, mit dem Sie angefangen haben.

delete-title = Löschen Sie zuerst die alten Daten auf dem Band
delete-lead = Sie dürfen dieses Band haben. Im Weg ist nur, was es vorher enthielt.
delete-1 = Nehmen Sie das Band ab und legen Sie es auf sein Ladegerät.
delete-2 = Halten Sie den unteren Knopf etwa zehn Sekunden gedrückt.
delete-3 = Warten Sie, bis es zweimal kurz vibriert. Legen Sie das Band dann wieder an.

test-enrolled = Ihr Band ist eingerichtet.
test-enrolled-registration = Ihr Band ist angemeldet.
test-title = Ein kurzer Test
test-lead = Halten Sie Ihr Band noch einmal an die Station.
test-failed-title = Das Band war nicht zu sehen
test-failed-lead = Halten Sie es nah an die Station und versuchen Sie es noch einmal.
test-again = Noch einmal testen
test-skip = Test auslassen

done-title = Ihr Band ist bereit
done-lead = Alles erledigt, { $name }. Behalten Sie es an; jeden Tag öffnet es Ihr Finger.
done-untested = Der Test hat nicht geklappt. Falls auch Ihr Band nicht funktioniert, sagen Sie es bitte der Betreuung.
done-afterwards = Noch zu erledigen
done-next = Fertig
done-receipt = Ihr Beleg
receipt-text =
    Bandstand-Beleg
    Band { $serial }
    { $time }
    Nummer { $association }
afterwards-registration = Melden Sie Ihr Band an der Station in der Produktion an.
afterwards-doors = Halten Sie Ihr Band an einen Türleser, damit die Türen es kennenlernen.
afterwards-security-key = Erstellen Sie Ihren Sicherheitsschlüssel neu; der alte bleibt auf dem alten Band.
afterwards-workstation = Melden Sie sich mit angelegtem Band einmal an Ihrem Arbeitsplatz an.

effect-new-association = Das ist Ihr aktives Band.
effect-new-association-until = Das ist Ihr aktives Band, bis es abläuft.
effect-earlier-association-renewed = Seine frühere Einrichtung ist ersetzt.
effect-band-active-again = Es war inaktiv und ist wieder aktiv.
effect-old-band-inactive = Ihr anderes Band { $band } ist inaktiv.
effect-old-band-inactive-primary = Ihr anderes Band { $band } ist inaktiv und bleibt Ihr Hauptband.
effect-previous-owner-ends = Es gehört nicht mehr der Person, die es vorher hatte.
effect-previous-owner-told = Die Person, die es vorher hatte, erfährt davon.
effect-band-found = Es gilt nicht mehr als verloren.

mismatch-wiped-while-held = Die Daten auf diesem Band wurden gelöscht, aber es zählt noch als Ihres.
mismatch-wiped-while-held-by-another = Die Daten auf diesem Band wurden gelöscht, aber es zählt noch als das einer anderen Person.
mismatch-record-outlives-release = Dieses Band wurde freigegeben, enthält aber noch Ihre Daten.
mismatch-record-of-user-not-holder = Dieses Band enthält Ihre Daten, zählt aber als das einer anderen Person.
mismatch-record-of-another-on-free-band = Dieses Band zählt als frei, enthält aber Daten einer anderen Person.
mismatch-record-of-another-on-own-band = Dieses Band zählt als Ihres, enthält aber Daten einer anderen Person.

elsewhere-title = Diese Seite ist in einem anderen Fenster offen
elsewhere-lead = Eine Station hat immer nur eine Seite.
elsewhere-take = Hier weitermachen
