refused-you = Was Sie tun können
refused-operator = Was die Betreuung tun kann
refused-decided = Entschieden hat { $by }
refused-code = Grund
refused-again = Zurück zum Anfang

source-built-in = die eingebaute Vorgabe von „{ $setting }“
source-group = „{ $setting }“ der Gruppenrichtlinie { $policy }
source-individual = „{ $setting }“ der persönlichen Richtlinie { $policy }

rule-user-must-be-active = die Regel, dass Bänder für aktive Benutzer sind
rule-suspension-stands = die Regel, dass eine Station keine Sperre aufhebt
rule-withdrawn-band-stays-out = die Regel, dass beschädigte und ausgemusterte Bänder außer Betrieb bleiben
rule-seos-band-stays-with-user = die Regel, dass ein Band mit Türausweis nur über die Administration den Träger wechselt
rule-suspended-user-keeps-band = die Regel, dass das Band einer gesperrten Person nicht übernommen wird
rule-lost-band-stays-out = die Regel, dass ein verlorenes Band nur an den eigenen Träger geht
rule-doubt-stays = die Regel, dass ein Band mit zwei Trägern an niemand anderen geht
rule-first-band-is-free = die Regel, dass ein erstes Band ein freies ist
rule-seos-user-keeps-own-band = die Regel, dass man ein Band mit Türausweis behält
rule-enrolled-before-registered = die Regel, dass ein Band eingerichtet ist, bevor es angemeldet wird
rule-clock-must-be-trusted = die Regel, dass eine rückwärts gelaufene Uhr keine Übernahme erlaubt
rule-free-band-for-user-without-one = die Regel, dass ein freies Band haben darf, wer kein aktives hat

setting-reenroll-own = das eigene Band ersetzen
setting-reenroll-any = das Band einer anderen Person übernehmen
setting-stock-enforced = nur Bänder aus dem Bestand
setting-takeover-max-age-s = Frische für eine Übernahme
setting-offline-max-age-s = Zeit ohne Konsole
setting-battery-min-percent = kleinste Ladung
setting-liveness = Pulsprüfung
setting-haptics = Vibration
setting-label = Name auf dem Band
setting-label-custom = eigener Name auf dem Band
setting-idle-logout-s = Zeit bis zur Abmeldung

reason-user-not-active-title = Sie haben hier zurzeit keinen Zugang
reason-user-not-active-why = Bänder sind für aktive Benutzer dieses Werks, und Ihr Konto ist nicht aktiv.
reason-user-not-active-you = Fragen Sie die Betreuung oder die Stelle, von der Ihr Ticket kommt.
reason-user-not-active-operator = Das Konto dieser Person von der Administration prüfen lassen. Sobald es aktiv ist, neu anfangen.

reason-user-suspended-title = Ihre Benutzung von Bändern ist gesperrt
reason-user-suspended-why = Die Administration hat sie gesperrt. Eine Station kann das nicht aufheben.
reason-user-suspended-you = Sprechen Sie mit der Betreuung. Ihr Band bleibt, wie es ist.
reason-user-suspended-operator = Nur die Administration kann die Sperre an der Konsole aufheben.

reason-band-withdrawn-title = Dieses Band ist außer Betrieb
reason-band-withdrawn-why = Es ist als beschädigt oder ausgemustert vermerkt.
reason-band-withdrawn-you = Geben Sie es ab und nehmen Sie ein anderes.
reason-band-withdrawn-operator = Das Band beiseitelegen und eines aus dem Bestand ausgeben.

reason-band-not-in-stock-title = Dieses Band steht nicht auf der Liste
reason-band-not-in-stock-why = Hier gehen nur Bänder aus dem Bestand des Werks.
reason-band-not-in-stock-you = Nehmen Sie ein Band aus dem Bestand.
reason-band-not-in-stock-operator = Ein Band aus dem Bestand ausgeben oder dieses von der Administration aufnehmen lassen.

reason-replica-too-old-title = Diese Station weiß zu wenig
reason-replica-too-old-why = Sie hatte zu lange keinen Kontakt zur Konsole, um zu entscheiden.
reason-replica-too-old-you = Nehmen Sie eine andere Station, oder kommen Sie später wieder.
reason-replica-too-old-operator = Die Station ans Netz bringen. Sie macht von selbst weiter, sobald die Konsole antwortet.

reason-seos-held-by-another-title = Dieses Band öffnet Türen für jemand anderen
reason-seos-held-by-another-why = Ein Band mit Türausweis wechselt nur über die Administration den Träger.
reason-seos-held-by-another-you = Legen Sie es zurück und nehmen Sie ein anderes.
reason-seos-held-by-another-operator = Die Administration kann es an der Konsole freigeben. Bis dahin ein anderes ausgeben.

reason-band-withheld-title = Dieses Band muss abgegeben werden
reason-band-withheld-why = Es ist als verloren gemeldet oder gehört jemandem, der gesperrt ist.
reason-band-withheld-you = Bitte geben Sie es hier ab und nehmen Sie ein anderes.
reason-band-withheld-operator = Das Band behalten. Die Administration vermerkt es an der Konsole als gefunden.

reason-held-by-another-title = Dieses Band gehört jemand anderem
reason-held-by-another-why = Eine andere Person benutzt es, und es darf nicht übernommen werden.
reason-held-by-another-you = Nehmen Sie ein Band, das niemandem gehört.
reason-held-by-another-operator = Das Band von der Administration von seinem Träger trennen lassen oder ein freies ausgeben.

reason-first-band-must-be-free-title = Ihr erstes Band muss ein freies sein
reason-first-band-must-be-free-why = Dieses gehört jemand anderem.
reason-first-band-must-be-free-you = Nehmen Sie ein Band, das niemandem gehört.
reason-first-band-must-be-free-operator = Ein freies Band aus dem Bestand ausgeben.

reason-seos-user-own-band-only-title = Ihr eigenes Band öffnet Türen
reason-seos-user-own-band-only-why = Wer ein Band mit Türausweis hat, behält es; hier kann kein anderes es ersetzen.
reason-seos-user-own-band-only-you = Nehmen Sie Ihr eigenes Band.
reason-seos-user-own-band-only-operator = Nur die Administration kann das jetzige Band an der Konsole freigeben.

reason-release-needed-title = Sie haben schon ein Band
reason-release-needed-why = Es muss freigegeben werden, bevor Sie neu anfangen können. Löschen Sie nichts auf Ihrem Band.
reason-release-needed-you = Bitten Sie um die Freigabe Ihres Bandes, oder benutzen Sie es weiter.
reason-release-needed-operator = Das jetzige Band dieser Person von der Administration trennen lassen, dann neu anfangen.

reason-enrollment-missing-title = Dieses Band ist noch nicht für Sie eingerichtet
reason-enrollment-missing-why = Es muss auf der IT-Seite eingerichtet sein, bevor es hier angemeldet werden kann.
reason-enrollment-missing-you = Gehen Sie mit diesem Band zuerst zu einer Station zum Einrichten.
reason-enrollment-missing-operator = Auf der IT-Seite prüfen, ob das Band für diese Person eingerichtet ist.

reason-replica-too-old-for-takeover-title = Diese Station muss erst die Konsole fragen
reason-replica-too-old-for-takeover-why = Ein Band geht nur mit frischem Wissen von einer Person auf eine andere über.
reason-replica-too-old-for-takeover-you = Nehmen Sie ein Band, das niemandem gehört, oder kommen Sie später wieder.
reason-replica-too-old-for-takeover-operator = Die Station ans Netz bringen oder ein freies Band ausgeben.

reason-user-unknown-title = Diese Station kennt Sie nicht
reason-user-unknown-why = Sie gehören nicht zu den Personen, von denen sie weiß.
reason-user-unknown-you = Fragen Sie die Betreuung, ob Sie an der richtigen Station sind.
reason-user-unknown-operator = Die Person von der Administration aufnehmen lassen oder die Station mit der Konsole verbinden.

reason-facts-contradict-title = Etwas passt nicht zusammen
reason-facts-contradict-why = Was diese Station über Ihre Bänder weiß, widerspricht sich. Darum entscheidet sie nichts.
reason-facts-contradict-you = Fragen Sie die Betreuung. Sie haben nichts falsch gemacht.
reason-facts-contradict-operator = Die Bänder dieser Person von der Administration an der Konsole ansehen lassen.

reason-ticket-reused-title = Dieses Ticket wurde schon benutzt
reason-ticket-reused-why = Ein Ticket gilt einmal.
reason-ticket-reused-you = Bitten Sie um ein neues Ticket.
reason-ticket-reused-operator = Ein neues Ticket ausstellen oder für die Person bürgen.

reason-battery-low-title = Der Akku des Bandes ist zu schwach
reason-battery-low-why = Er hält vielleicht nicht, bis alles gespeichert ist.
reason-battery-low-you = Laden Sie das Band eine halbe Stunde, oder nehmen Sie ein anderes.
reason-battery-low-operator = Ein geladenes Band aus dem Bestand ausgeben.

reason-band-locked-out-title = Das Band ist eine Weile gesperrt
reason-band-locked-out-why = Zu viele Berührungen zählten nicht. In { $detail } Sekunden geht es wieder.
reason-band-locked-out-you = Warten Sie und fangen Sie dann neu an. Oder nehmen Sie ein anderes Band.
reason-band-locked-out-operator = Warten, bis die Sperre endet. Auch das Löschen der Daten beendet sie; nur bei einem freien Band tun.

reason-not-worn-title = Das Band wurde nicht angelegt
reason-not-worn-why = Es muss an Ihrem Handgelenk sein, bevor es einen Finger annimmt.
reason-not-worn-you = Legen Sie es oberhalb des Handgelenkknochens eng an und fangen Sie neu an.
reason-not-worn-operator = Sitzt es und die Station merkt es nicht, die Rückseite des Bandes reinigen.

reason-code-mismatch-title = Die Codes waren verschieden
reason-code-mismatch-why = Es war ein anderes Band, oder jemand war dazwischen. Nichts wurde gespeichert.
reason-code-mismatch-you = Fangen Sie neu an, mit nur Ihrem Band nah an der Station.
reason-code-mismatch-operator = Passiert es zweimal, andere Bänder fernhalten und der Administration melden.

reason-code-not-confirmed-title = Niemand hat den Code bestätigt
reason-code-not-confirmed-why = Die Codes müssen verglichen werden, bevor etwas gespeichert wird.
reason-code-not-confirmed-you = Fangen Sie neu an und vergleichen Sie die beiden Codes.
reason-code-not-confirmed-operator = Beim Vergleichen der Codes auf Band und Bildschirm helfen.

reason-wearer-declined-title = Sie haben am Band Nein gesagt
reason-wearer-declined-why = Darum wurde nichts gespeichert.
reason-wearer-declined-you = Fangen Sie neu an, falls das nicht gemeint war.
reason-wearer-declined-operator = Zeigen, welcher Knopf am Band Ja bedeutet.

reason-wearer-timed-out-title = Das Band hat auf einen Finger gewartet
reason-wearer-timed-out-why = Nach einer Weile hat es aufgehört. Nichts wurde gespeichert.
reason-wearer-timed-out-you = Fangen Sie neu an, wenn Sie so weit sind.
reason-wearer-timed-out-operator = Zeigen, wohin der Finger gehört.

reason-cancelled-title = Abgebrochen
reason-cancelled-why = Nichts wurde gespeichert.
reason-cancelled-you = Fangen Sie neu an, wenn Sie so weit sind.
reason-cancelled-operator = Nichts zu tun.

reason-user-data-not-deleted-title = Die alten Daten sind noch auf dem Band
reason-user-data-not-deleted-why = Sie wurden nicht rechtzeitig gelöscht.
reason-user-data-not-deleted-you = Legen Sie das Band auf sein Ladegerät, halten Sie den unteren Knopf, bis es zweimal vibriert, und fangen Sie neu an.
reason-user-data-not-deleted-operator = Beim Löschen der Daten helfen oder ein freies Band ausgeben.

reason-link-lost-title = Das Band ist nicht zu erreichen
reason-link-lost-why = Es war zu weit weg, schlief oder war leer.
reason-link-lost-you = Drücken Sie seinen Knopf, halten Sie es nah an die Station und fangen Sie neu an.
reason-link-lost-operator = Bleibt es dunkel, eine halbe Stunde laden oder ein anderes ausgeben.

reason-too-many-contacts-title = Es gab zu viele Unterbrechungen
reason-too-many-contacts-why = Die Verbindung zum Band riss immer wieder ab.
reason-too-many-contacts-you = Fangen Sie neu an und lassen Sie das Band nah an der Station.
reason-too-many-contacts-operator = Ein anderes Band ausgeben. Ist es damit genauso, den Funk der Station ansehen.

reason-wrong-organization-title = Dieses Band gehört zu einer anderen Organisation
reason-wrong-organization-why = Nur von dort nimmt es Anweisungen an.
reason-wrong-organization-you = Nehmen Sie ein anderes Band.
reason-wrong-organization-operator = Dem Besitzer zurückgeben. Löschen der Daten auf dem Ladegerät macht es frei.

reason-station-not-accepted-title = Das Band vertraut dieser Station nicht
reason-station-not-accepted-why = Das Zertifikat der Station wird nicht angenommen oder ist abgelaufen.
reason-station-not-accepted-you = Nehmen Sie eine andere Station.
reason-station-not-accepted-operator = Die Administration das Zertifikat der Station erneuern lassen und das Datum der Station prüfen.

reason-version-unsupported-title = Band und Station verstehen sich nicht
reason-version-unsupported-why = Eines von beiden muss aktualisiert werden.
reason-version-unsupported-you = Nehmen Sie ein anderes Band oder eine andere Station.
reason-version-unsupported-operator = Der Administration die Seriennummer des Bandes und die Version der Station nennen.

reason-band-not-genuine-title = Dieses Band ist von keinem bekannten Hersteller
reason-band-not-genuine-why = Es konnte nicht beweisen, wer es gemacht hat.
reason-band-not-genuine-you = Geben Sie es ab und nehmen Sie ein anderes.
reason-band-not-genuine-operator = Behalten und der Administration geben.

reason-band-refused-title = Das Band tut nicht, worum es gebeten wird
reason-band-refused-why = Es nannte Grund { $detail }.
reason-band-refused-you = Nehmen Sie ein anderes Band.
reason-band-refused-operator = Behalten und mit der Nummer des Grundes der Administration geben.

reason-band-storage-fault-title = Das Band kann nichts speichern
reason-band-storage-fault-why = Sein Speicher ist fehlerhaft.
reason-band-storage-fault-you = Geben Sie es ab und nehmen Sie ein anderes.
reason-band-storage-fault-operator = Behalten und der Administration geben.

reason-receipt-invalid-title = Der Beweis des Bandes gilt nicht
reason-receipt-invalid-why = Es sagt, dass es eingerichtet ist, und kann es nicht beweisen.
reason-receipt-invalid-you = Geben Sie es ab und nehmen Sie ein anderes.
reason-receipt-invalid-operator = Behalten und der Administration geben.

reason-band-quarantined-title = Dieses Band muss geprüft werden
reason-band-quarantined-why = Es beweist eine Einrichtung, der diese Station nicht glauben darf.
reason-band-quarantined-you = Geben Sie es ab und nehmen Sie ein anderes.
reason-band-quarantined-operator = Der Administration geben, die an der Konsole entscheidet.

reason-station-storage-fault-title = Diese Station kann nichts speichern
reason-station-storage-fault-why = Ohne das wird nichts eingerichtet.
reason-station-storage-fault-you = Nehmen Sie eine andere Station.
reason-station-storage-fault-operator = Der Administration melden. Die Platte der Station ist fehlerhaft, voll oder schreibgeschützt.

reason-store-full-title = Die Platte dieser Station ist voll
reason-store-full-why = Bis Platz ist, wird nichts Neues angefangen.
reason-store-full-you = Nehmen Sie eine andere Station.
reason-store-full-operator = Platz schaffen. Die Station macht von selbst weiter.

reason-daemon-unreachable-title = Die Station hält gerade an
reason-daemon-unreachable-why = Vielleicht startet sie gleich wieder.
reason-daemon-unreachable-you = Warten Sie einen Moment und fangen Sie neu an.
reason-daemon-unreachable-operator = Kommt sie nicht wieder, den Dienst der Station ansehen.

reason-radio-unavailable-title = Der Funk der Station geht nicht
reason-radio-unavailable-why = Ohne Bluetooth erreicht sie kein Band.
reason-radio-unavailable-you = Nehmen Sie eine andere Station.
reason-radio-unavailable-operator = In die Diagnose schauen: Adapter, Dienst, Rechte.

reason-busy-title = Einen Moment, bitte
reason-busy-why = Gerade ist jemand anderes dran.
reason-busy-you = Warten Sie einen Moment und fangen Sie neu an.
reason-busy-operator = Nichts zu tun. Bleibt es so, nachsehen, was gerade läuft.

reason-ticket-malformed-title = Das ist kein Ticket
reason-ticket-malformed-why = Der gelesene Code ist etwas anderes.
reason-ticket-malformed-you = Halten Sie Ihr Bandstand-Ticket vor die Kamera.
reason-ticket-malformed-operator = Das Ticket prüfen oder ein neues ausstellen.

reason-ticket-forged-title = Dieses Ticket ist nicht von hier
reason-ticket-forged-why = Es wurde nicht von diesem Werk ausgestellt oder verändert.
reason-ticket-forged-you = Bitten Sie um ein neues Ticket.
reason-ticket-forged-operator = Ein neues Ticket ausstellen. Passiert es öfter, der Administration melden.

reason-ticket-unknown-code-title = Dieser Code ist nicht bekannt
reason-ticket-unknown-code-why = Kein Ticket hier hat ihn.
reason-ticket-unknown-code-you = Prüfen Sie den Code, oder bitten Sie um ein neues Ticket.
reason-ticket-unknown-code-operator = Ein neues Ticket ausstellen oder für die Person bürgen.

reason-ticket-other-site-title = Dieses Ticket ist für einen anderen Standort
reason-ticket-other-site-why = Hier kann es nicht benutzt werden.
reason-ticket-other-site-you = Gehen Sie zu der Station, die auf dem Ticket steht.
reason-ticket-other-site-operator = Ein Ticket für diesen Standort ausstellen.

reason-ticket-other-zone-title = Dieses Ticket ist für eine andere Art von Station
reason-ticket-other-zone-why = Manche sind zum Einrichten, manche zum Anmelden.
reason-ticket-other-zone-you = Fragen Sie, welche Station Sie brauchen.
reason-ticket-other-zone-operator = Ein Ticket für diese Zone ausstellen.

reason-ticket-not-yet-valid-title = Für dieses Ticket ist es zu früh
reason-ticket-not-yet-valid-why = Seine Zeit ist noch nicht gekommen.
reason-ticket-not-yet-valid-you = Kommen Sie zu der Zeit wieder, die auf dem Ticket steht.
reason-ticket-not-yet-valid-operator = Ein neues Ticket ausstellen. Auch das Datum der Station prüfen.

reason-ticket-expired-title = Dieses Ticket ist abgelaufen
reason-ticket-expired-why = Seine Zeit ist vorbei.
reason-ticket-expired-you = Bitten Sie um ein neues Ticket.
reason-ticket-expired-operator = Ein neues Ticket ausstellen oder für die Person bürgen.

reason-ticket-revoked-title = Dieses Ticket wurde zurückgenommen
reason-ticket-revoked-why = Die Administration hat es ungültig gemacht.
reason-ticket-revoked-you = Bitten Sie um ein neues Ticket.
reason-ticket-revoked-operator = Die Administration nach dem Grund fragen, bevor ein neues ausgestellt wird.

reason-operator-not-allowed-title = Das dürfen Sie hier nicht
reason-operator-not-allowed-why = Ihre Rechte in der Betreuung umfassen es nicht.
reason-operator-not-allowed-you = Fragen Sie jemand anderen aus der Betreuung.
reason-operator-not-allowed-operator = Das Recht von der Administration geben lassen.

reason-vouch-for-oneself-title = Niemand bürgt für sich selbst
reason-vouch-for-oneself-why = Jemand anderes muss sagen, wer Sie sind.
reason-vouch-for-oneself-you = Fragen Sie jemand anderen aus der Betreuung, oder nehmen Sie ein Ticket.
reason-vouch-for-oneself-operator = Eine Kollegin oder einen Kollegen bitten.

reason-wrong-pin-title = Kennung oder PIN ist falsch
reason-wrong-pin-why = Es wurde als Fehlversuch gezählt.
reason-wrong-pin-you = Versuchen Sie es langsam noch einmal.
reason-wrong-pin-operator = Langsam noch einmal versuchen. Nach einigen Fehlversuchen gibt es eine Wartezeit.

reason-too-many-attempts-title = Bitte warten Sie ein wenig
reason-too-many-attempts-why = Es gab zu viele falsche Versuche, darum ist eine Pause nötig.
reason-too-many-attempts-you = Warten Sie eine Minute und versuchen Sie es dann noch einmal.
reason-too-many-attempts-operator = Nur warten hilft. Ein Ticket vor der Kamera geht inzwischen.

reason-band-not-of-operator-title = Dieses Band meldet hier niemanden an
reason-band-not-of-operator-why = Es ist nicht das Band einer Betreuung, die diese Station kennt.
reason-band-not-of-operator-you = Halten Sie Ihr eigenes Band an die Station, oder melden Sie sich mit Kennung und PIN an.
reason-band-not-of-operator-operator = Lassen Sie von der Administration in Ihrem Eintrag der Betreuung angeben, welche Person Sie sind. Dann meldet Ihr Band Sie an.

reason-operator-ambiguous-title = Mehrere Kennungen haben dieses Band
reason-operator-ambiguous-why = Mehr als eine Kennung der Betreuung gehört zu dieser Person, darum sagt das Band nicht, welche gemeint ist.
reason-operator-ambiguous-you = Melden Sie sich mit Kennung und PIN an.
reason-operator-ambiguous-operator = Die Administration lässt eine dieser Kennungen übrig, oder jede gehört zu einer anderen Person.

reason-band-reported-lost-title = Dieses Band ist verloren gemeldet
reason-band-reported-lost-why = Ein verlorenes Band meldet niemanden an.
reason-band-reported-lost-you = Ist es Ihres und wieder da, melden Sie sich mit Kennung und PIN an und lassen es als gefunden eintragen.
reason-band-reported-lost-operator = Behalten Sie das Band. Die Administration trägt es an der Konsole als gefunden ein.

reason-association-not-active-title = Das ist nicht Ihr jetziges Band
reason-association-not-active-why = Seine Zuordnung ist beendet, oder ein anderes Band ist an seine Stelle getreten.
reason-association-not-active-you = Nehmen Sie das Band, mit dem Sie arbeiten, oder melden Sie sich mit Kennung und PIN an.
reason-association-not-active-operator = „Band prüfen“ sagt, was aus diesem geworden ist.

reason-association-unproven-title = Dieses Band hat seine Zuordnung nicht bewiesen
reason-association-unproven-why = Die Station hat davon gehört, aber keinen Beweis, den das Band selbst gemacht hat.
reason-association-unproven-you = Melden Sie sich mit Kennung und PIN an.
reason-association-unproven-operator = Das Band neu einrichten. Von da an ist sein eigener Beweis da.

reason-band-unsettled-title = Auf diesem Band ist noch etwas offen
reason-band-unsettled-why = Eine begonnene Einrichtung kommt zuerst; davon darf nichts verloren gehen.
reason-band-unsettled-you = Lassen Sie das Band einen Moment an der Station und versuchen Sie es dann noch einmal.
reason-band-unsettled-operator = Die Station bringt es von selbst zu Ende, solange das Band nah ist. Danach noch einmal versuchen.

reason-finger-not-recognized-title = Ihr Finger wurde nicht erkannt
reason-finger-not-recognized-why = Das Band kennt den Finger, mit dem es eingerichtet wurde, und das war ein anderer. Es wurde als Fehlversuch gezählt.
reason-finger-not-recognized-you = Versuchen Sie es mit dem eingerichteten Finger, oder melden Sie sich mit Kennung und PIN an.
reason-finger-not-recognized-operator = Nach einigen Fehlversuchen gibt es eine Wartezeit. Klappt es nie, das Band neu einrichten.

reason-internal-title = Etwas ist schiefgegangen
reason-internal-why = Es ist ein Fehler der Station, nicht Ihrer.
reason-internal-you = Fangen Sie neu an, oder nehmen Sie eine andere Station.
reason-internal-operator = Der Administration den Namen des Grundes unten und die Uhrzeit nennen.
