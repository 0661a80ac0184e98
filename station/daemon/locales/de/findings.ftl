# Was der Doktor ansah, fand und rät: auf der Seite der Betreuung, und auf Englisch an der Befehlszeile.
# Sätze beginnen klein und enden ohne Punkt; die Seite macht Sätze daraus. Was zwischen ` und ` steht, wird getippt.
found-span = { $unit ->
    [seconds] { $count } s
    [minutes] { $count } min
    [hours] { $count } h
   *[days] { $count } Tagen
 }

looked-at-config = Einstellungen
looked-at-seal = Versiegelung
looked-at-database = Datenbank
looked-at-journal = Journal
looked-at-key-file = Schlüssel
looked-at-certificate = Zertifikat
looked-at-replica = Kenntnisse
looked-at-intents = Einrichtungen
looked-at-quarantine = Beiseitegelegte Bänder
looked-at-clock = Uhr
looked-at-disk = Speicherplatz
looked-at-daemon = Programm
looked-at-radio = Bluetooth
looked-at-console = Konsole
looked-at-console-certificate = Zertifikat für die Konsole
looked-at-feed = Von der Konsole
looked-at-journal-upload = Zur Konsole

found-config-usable = die Einstellungen sind brauchbar
found-sealed-on-same-disk = versiegelt mit dem Schlüssel { $key }, der auf derselben Platte liegt: Wer sie mitnimmt, hat beides
found-sealed-on-same-disk-next = den Schlüssel von einem TPM als Credential von systemd verwahren lassen oder auf ein anderes Medium legen: docs/operating.md
found-sealed-on-other-disk = versiegelt mit dem Schlüssel { $key } von einer anderen Platte
found-sealed-by-credential = versiegelt mit dem Schlüssel { $key }, einem Credential
found-database-whole = heil, SQLite { $version }
found-journal-whole = { $count ->
    [one] ein Eintrag, vollständig und unverändert
   *[other] { $count } Einträge, vollständig und unverändert
 }
found-journal-faulty = { $fault ->
    [gap] die Einträge { $sequence } bis { $until } fehlen; { $count } Einträge davor sind in Ordnung
    [fork] Eintrag { $sequence } gehört zu einer anderen Geschichte als die Einträge davor; von diesen sind { $count } in Ordnung
    [changed] Eintrag { $sequence } wurde nachträglich geändert; { $count } Einträge davor sind in Ordnung
    [repeated] Eintrag { $sequence } kommt ein zweites Mal; { $count } Einträge davor sind in Ordnung
   *[other_station] Eintrag { $sequence } schrieb eine andere Station; { $count } Einträge davor sind in Ordnung
 }
found-journal-faulty-next = den Datenordner kopieren, die Kopie aufheben und der Administration Bescheid geben
found-key-file-readable = nur für die Station lesbar

found-certificate-unreadable = es ist nicht lesbar
found-certificate-unreadable-next = { found-certificate-next }
found-certificate-not-yet = { $days ->
    [one] es gilt erst ab morgen
   *[other] es gilt erst in { $days } Tagen
 }
found-certificate-not-yet-next = { found-certificate-next }
found-certificate-expired = { $days ->
    [one] es ist seit einem Tag abgelaufen
   *[other] es ist seit { $days } Tagen abgelaufen
 }
found-certificate-expired-next = { found-certificate-next }
found-certificate-short = { $days ->
    [one] gilt noch einen Tag
   *[other] gilt noch { $days } Tage
 }
found-certificate-short-next = { found-certificate-next }
found-certificate-good = gilt noch { $days } Tage
found-certificate-next = { $joined ->
    [yes] die Station zu ihrer Konsole lassen, die es erneuert, oder ihr mit einem neuen Token neu beitreten
   *[no] eine neue Provisionierungsdatei holen und `bandstand-station init --replace` ausführen
 }

found-replica-too-old = Stand { $revision } von vor { $age }: zu alt für jede Entscheidung
found-replica-too-old-next = { found-replica-next }
found-replica-too-old-for-takeover = Stand { $revision } von vor { $age }: zu alt, als dass jemand das Band einer anderen Person übernehmen könnte
found-replica-too-old-for-takeover-next = { found-replica-next }
found-replica-fresh = Stand { $revision } von vor { $age }
found-replica-next = { $joined ->
    [yes] die Station zu ihrer Konsole lassen
   *[no] eine frische Provisionierungsdatei mit `bandstand-station init --replace` laden
 }

found-enrollments-open = { $count ->
    [one] eine Einrichtung wartet auf ihr Band: { $bands }
   *[other] { $count } Einrichtungen warten auf ihre Bänder: { $bands }
 }
found-enrollments-open-next = jedes dieser Bänder an die Station halten; sie klärt von selbst, was begonnen war. Für ein Band, das nicht wiederkommt: `bandstand-station intents close`
found-enrollments-settled = jede Einrichtung ist geklärt
found-bands-quarantined = { $count ->
    [one] ein Band beweist eine Einrichtung, die nicht von hier stammt und nicht erlaubt ist: { $bands }
   *[other] { $count } Bänder beweisen Einrichtungen, die nicht von hier stammen und nicht erlaubt sind: { $bands }
 }
found-bands-quarantined-next = nachsehen, wo sie eingerichtet wurden; von Hand geleert, kann jedes neu eingerichtet werden
found-bands-believed = jedem Band wird geglaubt

found-clock-before-release = die Uhr zeigt ein Datum aus der Zeit vor diesem Programm
found-clock-before-release-next = { found-clock-next }
found-clock-set-back = die Uhr ist um { $behind } hinter dem Journal: Sie wurde zurückgestellt
found-clock-set-back-next = { found-clock-next }
found-clock-next = die Uhr stellen (`timedatectl`); wenn sie richtig geht, `bandstand-station clock confirm`
found-clock-confirmed = sie wurde um { $behind } vor dem bestätigt, was die Station geglaubt hatte; was abgelaufen war, bleibt abgelaufen
found-clock-confirmed-next = nichts, oder eine frische Provisionierungsdatei mit `bandstand-station init --replace` laden
found-clock-agrees = stimmt mit dem Journal überein

found-disk-unknown = der freie Platz von { $folder } ist nicht zu erfahren
found-disk-unknown-next = den Datenordner anlegen oder station.data_directory berichtigen
found-disk-full = { $free } MiB frei
found-disk-full-next = Platz schaffen; unter { $least } MiB beginnt keine Einrichtung
found-disk-short = { $free } MiB frei
found-disk-short-next = bald Platz schaffen
found-disk-good = { $free } MiB frei
found-daemon-runs = läuft seit { $uptime }, Version { $version }

found-radio-works = Adapter { $adapter } funktioniert
found-radio-off = der Adapter ist ausgeschaltet
found-radio-off-next = einschalten: `bluetoothctl power on`
found-radio-absent = es gibt keinen Adapter, oder nicht den eingestellten
found-radio-absent-next = einstecken oder radio.adapter berichtigen
found-bluez-down = bluetoothd läuft nicht oder antwortet nicht
found-bluez-down-next = neu starten: `systemctl restart bluetooth`
found-bus-down = der Systembus ist nicht erreichbar
found-bus-down-next = nachsehen: `systemctl status dbus`
found-no-permission = D-Bus verweigert dem Benutzer der Station das Bluetooth
found-no-permission-next = den Benutzer der Station in die Gruppe `bluetooth` aufnehmen und die Station neu starten
found-radio-starting = das Bluetooth startet
found-radio-starting-next = in ein paar Sekunden noch einmal nachsehen

found-console-certificate-expired = { $days ->
    [one] es ist seit einem Tag abgelaufen
   *[other] es ist seit { $days } Tagen abgelaufen
 }
found-console-certificate-expired-next = an der Konsole ein Token für diese Station erzeugen und damit `bandstand-station join` ausführen
found-console-certificate-short = { $days ->
    [one] gilt noch einen Tag und wurde nicht erneuert
   *[other] gilt noch { $days } Tage und wurde nicht erneuert
 }
found-console-certificate-short-next = die Station zu ihrer Konsole lassen
found-console-certificate-good = gilt noch { $days } Tage
found-feed-stopped = angehalten: { $code }
found-feed-stopped-next = { found-stopped-next }
found-upload-stopped = angehalten: { $code }
found-upload-stopped-next = { found-stopped-next }
found-console-state = { $console }, { $heard ->
    [yes] zuletzt gehört vor { $silent }
   *[no] seit dem Start nicht gehört
 }, { $waiting ->
    [0] nichts wartet
    [one] ein Eintrag wartet
   *[other] { $waiting } Einträge warten
 }
found-console-stopped = { found-console-state }: { $code }
found-console-stopped-next = { found-stopped-next }
found-console-refuses-journal = { found-console-state }: { $code }
found-console-refuses-journal-next = { found-stopped-next }
found-console-offline = { found-console-state }: Sie antwortet nicht
found-console-offline-next = das Netz prüfen; die Station arbeitet ohne die Konsole, solange ihre Kenntnisse jung genug sind
found-console-clock-differs = { found-console-state }; ihre Uhr geht { $ahead } s vor dieser
found-console-clock-differs-next = die falsche der beiden Uhren stellen (`timedatectl`)
found-console-begins = { found-console-state }
found-console-in-step = { found-console-state }
found-stopped-next = { $code ->
    [station_revoked] die Administration fragen: Diese Station wurde widerrufen, und was sie nicht mehr senden konnte, ist noch hier
    [certificate_unknown] an der Konsole ein Token für diese Station erzeugen und damit `bandstand-station join` ausführen
    [certificate_expired] an der Konsole ein Token für diese Station erzeugen und damit `bandstand-station join` ausführen
    [journal_fork] zwei Stationen haben dieselbe Identität benutzt, oder eine alte Kopie wurde zurückgespielt: die Administration fragen
    [journal_rolled_back] zwei Stationen haben dieselbe Identität benutzt, oder eine alte Kopie wurde zurückgespielt: die Administration fragen
    [station_quarantined] die Administration fragen: Die Konsole glaubt dem Journal dieser Station nicht
    [journal_damaged] `bandstand-station journal verify` ausführen und die Administration fragen
    [console_not_trusted] jemand anderes antwortet unter der Adresse der Konsole, ihr Zertifikat gilt nicht, oder sie ging zu einer anderen Zertifizierungsstelle über, während diese Station weg war: dann an der Konsole ein Token für diese Station erzeugen und damit `bandstand-station join` ausführen
    [no_common_version] von Station und Konsole die ältere aktualisieren
    [row_kind_unknown] von Station und Konsole die ältere aktualisieren
    [page_version] von Station und Konsole die ältere aktualisieren
    [console_behind] die Administration fragen: Die Datenbank der Konsole wurde ohne `bandstand-console restore` zurückgespielt
    [lineage_past] die Administration fragen: Die Datenbank der Konsole wurde ohne `bandstand-console restore` zurückgespielt
    [revision_backward] die Administration fragen: Die Datenbank der Konsole wurde ohne `bandstand-console restore` zurückgespielt
   *[other] die Administration fragen; im Protokoll steht mehr
 }

# Was nicht anzusehen war, nach dem Code des Problems. Was im Weg stand, steht darunter, wie das System es sagt.
found-secret-exposed = eine Datei mit einem Geheimnis ist für andere lesbar
found-secret-exposed-next = allen außer der Station das Leserecht nehmen und das Geheimnis als bekannt ansehen
found-secret-unusable = eine Datei mit einem Geheimnis fehlt oder ist nicht, was sie sein soll
found-secret-unusable-next = die richtige Datei von dort zurückholen, wo sie verwahrt ist
found-seal-key-missing = der Schlüssel, mit dem diese Platte versiegelt ist, fehlt
found-seal-key-missing-next = den Schlüssel zurückgeben: das Credential `bandstand.seal` oder die Datei
found-seal-key-wrong = die Platte ist mit einem anderen Schlüssel versiegelt
found-seal-key-wrong-next = den richtigen Schlüssel zurückgeben; ist er verloren, die Station an der Konsole widerrufen und neu anfangen
found-not-initialized = diese Station wurde nie eingerichtet
found-not-initialized-next = `bandstand-station init` oder `bandstand-station join` ausführen
found-store-locked = ein anderes Programm hält die Datenbank
found-store-locked-next = es beenden; nur eine Station darf diesen Ordner benutzen
found-store-corrupted = die Datenbank ist beschädigt
found-store-corrupted-next = den Datenordner kopieren und der Administration Bescheid geben: docs/operating.md
found-store-full = für die Datenbank ist kein Platz mehr
found-store-full-next = Platz schaffen
found-store-read-only = die Datenbank ist nicht beschreibbar
found-store-read-only-next = dem Benutzer der Station den Ordner wiedergeben oder nach der Platte sehen
found-store-newer = die Datenbank schrieb ein neueres Programm
found-store-newer-next = das neuere Programm wieder installieren
found-store-sync-failed = die Platte versagte, während etwas gespeichert wurde
found-store-sync-failed-next = nach der Platte sehen und sie ersetzen
found-store-failed = die Datenbank versagte
found-store-failed-next = nach der Platte und ins Protokoll sehen
found-journal-broken = das Journal wurde geändert oder ist unvollständig
found-journal-broken-next = den Datenordner kopieren und der Administration Bescheid geben
found-internal = die Station hat einen eigenen Fehler
found-internal-next = einen Bericht für den Support schreiben und einsenden
found-other = das war nicht anzusehen
found-other-next = an dieser Maschine `bandstand-station doctor` ausführen; das sagt mehr
