home-title = { $organization } heute
home-lead-calm = Alles läuft, wie es soll.
home-lead = { $count ->
    [one] Eine Sache braucht Sie.
   *[other] { $count } Sachen brauchen Sie.
 }
home-attention = Was Sie braucht
home-calm = Gerade braucht Sie nichts
home-calm-text = Konflikte, verstummte Stationen und wartende Bänder stehen hier, eine Zeile je Ursache.
home-recent = Zuletzt
home-recent-all = Ganzes Protokoll
home-recent-none = Bisher wurde nichts getan.
home-steps = Erste Schritte
home-users = Benutzer
home-bands = Bänder in Gebrauch
home-stock = Freie Bänder
home-stations = Stationen in Kontakt
step-users = Benutzer anlegen
step-users-text = Einzeln oder aus einer CSV-Liste Ihres Verzeichnisses.
step-users-link = Benutzer anlegen
step-bands = Bänder in den Bestand aufnehmen
step-bands-text = Dafür reicht die Lieferliste des Herstellers.
step-bands-link = Bänder aufnehmen
step-stations = Eine Station aufnehmen
step-stations-text = Machen Sie hier einen Beitrittscode und geben Sie ihn am Kiosk ein, oder scannen Sie ihn dort.
step-stations-link = Beitrittscode machen
step-ticket = Das erste Ticket ausstellen
step-ticket-text = Damit zeigt eine Person am Kiosk, wer sie ist, mit oder ohne Netz.
step-ticket-link = Ticket ausstellen
attention-quarantine = { $count ->
    [one] Eine Zuordnung ist in Quarantäne
   *[other] { $count } Zuordnungen sind in Quarantäne
 }
attention-quarantine-text = Zwei Stationen ohne Netz waren uneins, oder eine Richtlinie verbot, was eine Station nicht wissen konnte. Niemand benutzt diese Bänder, bis Sie entscheiden.
attention-quarantine-link = Entscheiden
attention-silent = { $count ->
    [one] Eine Station schweigt seit zu langer Zeit
   *[other] { $count } Stationen schweigen seit zu langer Zeit
 }
attention-silent-text = Sie richten noch nach ihrem letzten Wissen ein, bis es zu alt ist.
attention-silent-link = Ansehen
attention-review = { $count ->
    [one] Das Journal einer Station wird zur Prüfung aufbewahrt
   *[other] Die Journale von { $count } Stationen werden zur Prüfung aufbewahrt
 }
attention-review-text = Sie wurden widerrufen, von einem Datenträgerabbild kopiert oder zurückgesetzt.
attention-review-link = Ansehen
attention-lost = { $count ->
    [one] Ein Band ist als verloren gemeldet
   *[other] { $count } Bänder sind als verloren gemeldet
 }
attention-lost-text = Bis es als gefunden gilt, bekommt es niemand außer seinem eigenen Benutzer.
attention-lost-link = Zeigen
attention-expired = { $count ->
    [one] Ein vorübergehendes Band ist abgelaufen und noch bei seinem Benutzer
   *[other] { $count } vorübergehende Bänder sind abgelaufen und noch bei ihren Benutzern
 }
attention-expired-text = Sie wirken nicht mehr. Nehmen Sie sie zurück und trennen Sie sie.
attention-expired-link = Zeigen
attention-certificate = { $count ->
    [one] Das Zertifikat einer Station endet binnen zwei Wochen
   *[other] Die Zertifikate von { $count } Stationen enden binnen zwei Wochen
 }
attention-certificate-text = Zertifikate erneuern sich selbst, wenn eine Station die Konsole erreicht: Sehen Sie nach, warum es diese nicht tun.
attention-certificate-link = Ansehen
attention-imports = { $count ->
    [one] Eine Liste wartet auf eine zweite Person
   *[other] { $count } Listen warten auf eine zweite Person
 }
attention-imports-text = Sie nähme vielen Menschen ihr Band. Jemand anderes als die Person, die sie brachte, sieht den Unterschied an und stimmt zu.
attention-imports-link = Ansehen
home-lead-steps = Willkommen. Diese Schritte bringen das erste Band zu jemandem.
