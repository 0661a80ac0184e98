sign-in = Anmelden
sign-in-lead = Für alle, die sich um die Bänder dieses Werks kümmern.
sign-in-help = Passwort vergessen? Wer hier verwaltet, kann Ihnen einen Einmal-Link für ein neues geben.
sign-in-refused = Anmeldename und Passwort passen nicht zusammen. Prüfen Sie beides und versuchen Sie es noch einmal. Nach mehreren falschen Passwörtern wartet die Konsole vor jeder Antwort etwas länger.
sign-in-wait = Zu viele Versuche von hier. Versuchen Sie es in { $span } wieder.
sign-in-again = Ihre Sitzung wurde beendet, weil eine Weile nichts geschah. Melden Sie sich an, um weiterzumachen.
signed-out = Sie sind abgemeldet.
login = Anmeldename
name = Name
name-hint = So steht er im Protokoll.
password = Passwort
password-show = Zeigen
password-new = Neues Passwort
password-new-hint = Mindestens 15 Zeichen. Mehrere Wörter hintereinander sind leicht zu merken und schwer zu erraten. Ziffern oder Sonderzeichen müssen nicht sein.
password-again = Neues Passwort noch einmal
password-now = Jetziges Passwort
password-set = Passwort setzen
password-change = Passwort ändern
password-changed = Das Passwort ist geändert. Alle Ihre anderen Sitzungen sind beendet.
password-too-short = Das Passwort hat { $count ->
    [one] ein Zeichen
   *[other] { $count } Zeichen
 }, es braucht mindestens { $least }.
password-too-long = Das Passwort ist länger als 128 Zeichen.
password-common = Dieses Passwort gehört zu denen, die zuerst probiert werden. Wählen Sie ein anderes.
password-own-words = Dieses Passwort besteht fast nur aus Ihrem Namen, Ihrem Anmeldenamen oder einem Namen dieses Werks. Fügen Sie Wörter hinzu, die nichts damit zu tun haben.
password-guessable = Dieses Passwort errät ein Programm leicht. Fügen Sie ein oder zwei Wörter hinzu, die nicht dazu passen.
password-differs = Die beiden Passwörter sind nicht gleich.
password-wrong = Das jetzige Passwort stimmt nicht.
login-taken = Ein anderes Konto hat diesen Anmeldenamen.
login-odd = Ein Anmeldename hat 2 bis 64 Zeichen: Buchstaben, Ziffern, Punkt, Strich, Unterstrich, At-Zeichen.
name-missing = Der Name fehlt.

setup = Das erste Konto einrichten
setup-lead = Dieser Einmal-Link macht das erste Verwaltungskonto. Wählen Sie Anmeldenamen und Passwort; der Link gilt einmal.
reset = Neues Passwort wählen
reset-lead = Dieser Einmal-Link setzt Ihr Passwort. Er gilt einmal und beendet Ihre anderen Sitzungen.
link-dead = Dieser Link gilt nicht mehr
link-dead-text = Er wurde benutzt, seine Zeit ist um, oder ein neuerer hat ihn ersetzt. Wer hier verwaltet, kann Ihnen einen neuen geben.
link-done = Das Passwort ist gesetzt. Melden Sie sich damit an.
confirm-title = Bestätigen Sie, dass Sie es sind
confirm-lead = Für das, was Sie vorhaben, brauchen wir Ihr Passwort noch einmal.
confirm-button = Bestätigen

sessions = Ihre Sitzungen
session-this = diese hier
session-begun = Angemeldet
session-end = Beenden
session-ended = Die Sitzung ist beendet.
sessions-end-others = Alle anderen beenden
sessions-ended = Alle Ihre anderen Sitzungen sind beendet.

accounts = Konten
accounts-lead = Wer diese Konsole benutzen darf, und was.
account-add = Konto anlegen
account-new = Neues Konto
account-new-lead = Die Person wählt ihr Passwort mit einem Einmal-Link, den Sie ihr übergeben. Niemand sonst erfährt es je.
account-more = Mehr
account-saved = Gespeichert.
account-role = Rolle
account-sites = Standorte
account-sites-hint = Durch Kommas getrennt. Leer: alle Standorte.
account-link = Einmal-Link
account-link-text = Für ein neues Passwort. Beendet alle Sitzungen dieses Kontos, sobald er benutzt wird; ältere Links gelten nicht mehr.
account-link-button = Link machen
account-link-title = Einmal-Link für { $name }
account-link-lead = Übergeben Sie ihn persönlich oder auf einem Weg, dem Sie trauen. Er gilt einmal, { $span } lang.
account-disable = Sperren
account-disable-text = Beendet alle Sitzungen sofort. Im Protokoll behält das Konto seinen Platz.
account-enable = Freigeben
account-enable-text = Die Person kann sich mit demselben Passwort wieder anmelden.
account-disabled = Das Konto ist gesperrt, seine Sitzungen sind beendet.
account-enabled = Das Konto ist wieder freigegeben.
account-last-administrator = Das ist das letzte Verwaltungskonto, das sich anmelden kann. Legen Sie zuerst ein anderes an.
account-own-role = Die eigene Rolle oder das eigene Konto muss jemand anderes ändern.
account-changed-meanwhile = Jemand hat dieses Konto inzwischen geändert. Sehen Sie es sich noch einmal an und wiederholen Sie dann Ihre Änderung.
account-role-unknown = Wählen Sie eine der Rollen.
roles-title = Was jede Rolle darf

account-state-active = Aktiv
account-state-invited = Noch nicht benutzt
account-state-disabled = Gesperrt

api-keys = API-Schlüssel
api-keys-lead = Für Programme. Jeder Schlüssel wird einmal gezeigt, aufbewahrt wird nur sein Prüfwert.
api-keys-none = Kein Programm hat einen Schlüssel
api-keys-none-text = Machen Sie für jedes Programm einen, mit nicht mehr Rechten, als es braucht.
api-key-add = Schlüssel machen
api-key-title = Schlüssel für { $name }
api-key-lead = Er wird mit jeder Anfrage als „Authorization: Bearer …“ gesendet.
api-key-text = Schlüssel
api-key-days = Gültig für Tage
api-key-days-hint = 1 bis 730.
api-key-revoked = Der Schlüssel ist widerrufen. Programme, die ihn benutzen, werden ab jetzt abgewiesen.
api-key-scopes = Darf
api-key-read = Lesen
api-key-write = Lesen und ändern
api-key-state-active = In Gebrauch
api-key-state-expired = Abgelaufen
api-key-state-revoked = Widerrufen
reset-for = Für das Konto
organization = Organisation
organization-name = Name der Organisation
organization-renamed = Die Organisation hat ihren neuen Namen.
organization-about = Woran man sie erkennt
organization-id = Kennung
organization-lineage = Leben dieser Datenbank
organization-authority = Zertifizierungsstelle
organization-authority-text = An dieser Zertifizierungsstelle erkennen die Stationen die Konsole. Eine andere kann ohne Lücke an ihre Stelle treten: Stationen erhalten von selbst Zertifikate von ihr und trauen solange beiden; die Konsole verlässt die frühere, sobald keine Station sie mehr braucht.
authority-next = Nächste Zertifizierungsstelle
authority-waiting = Stationen, die noch nicht zu ihr übergegangen sind
authority-nobody = keine
authority-more = und { $count } weitere
authority-make = Neue Zertifizierungsstelle
authority-make-title = Eine neue Zertifizierungsstelle machen?
authority-make-stations = { $count ->
    [0] Noch ist keine Station beigetreten: Jede erhält ihr Zertifikat von der neuen.
    [one] Eine Station erfährt es sofort, erhält von selbst ein Zertifikat der neuen und traut solange beiden.
   *[other] { $count } Stationen erfahren es sofort, erhalten von selbst Zertifikate der neuen und trauen solange beiden.
}
authority-make-leave = Sobald keine Station die jetzige mehr braucht, verlässt die Konsole sie von selbst. Bis dahin gilt alles mit beiden.
authority-make-tokens = { $count ->
    [one] Ein Beitrittscode nennt die jetzige und hält sie, bis er benutzt oder abgelaufen ist.
   *[other] { $count } Beitrittscodes nennen die jetzige und halten sie, bis sie benutzt oder abgelaufen sind.
}
authority-made = Die neue Zertifizierungsstelle ist da. Die Stationen erfahren es jetzt.
authority-retire = Frühere Zertifizierungsstelle verlassen
authority-retire-title = Die frühere Zertifizierungsstelle jetzt verlassen?
authority-retire-nobody = Keine Station braucht sie mehr.
authority-retire-cut = { $count ->
    [one] Eine Station ist noch nicht übergegangen und wird abgeschnitten, bis jemand sie mit einem für sie gemachten Code wieder beitreten lässt: { $names }.
   *[other] { $count } Stationen sind noch nicht übergegangen und werden abgeschnitten, bis jemand sie mit für sie gemachten Codes wieder beitreten lässt: { $names }.
}
authority-retire-tokens = { $count ->
    [one] Ein noch nicht benutzter Beitrittscode endet.
   *[other] { $count } noch nicht benutzte Beitrittscodes enden.
}
authority-retired = Die frühere Zertifizierungsstelle ist verlassen.
rotate-codes = Neuer Schlüssel für getippte Codes
rotate-codes-title = Einen neuen Schlüssel für getippte Codes machen?
rotate-old-code = Schlüssel { $id } wird bis dahin benutzt. Vorher ausgegebene Codes gelten weiter.
organization-keys = Schlüssel
organization-keys-lead = Stationen erfahren von einem neuen Schlüssel einen Tag, bevor er unterschreibt. Was ein früherer unterschrieben hat, gilt weiter.
rotate-tickets = Neuer Schlüssel für Tickets
rotate-feed = Neuer Schlüssel für den Feed
rotate-tickets-title = Einen neuen Schlüssel für Tickets machen?
rotate-feed-title = Einen neuen Schlüssel für das machen, was Stationen erfahren?
rotate-button = Schlüssel machen
rotate-new = Schlüssel { $id } unterschreibt ab { $at }.
rotate-old-ticket-issuer = Schlüssel { $id } unterschreibt bis dahin. Seine Tickets gelten weiter.
rotate-old-feed = Schlüssel { $id } unterschreibt bis dahin. Was Stationen durch ihn wissen, bleibt.
rotate-stations = { $near } von { $all } Stationen waren innerhalb eines Tages in Kontakt und kennen den Schlüssel rechtzeitig.
rotate-far = { $count ->
    [one] Eine Station ist weg: Sie erfährt vom Schlüssel, wenn sie wiederkommt, und lehnt bis dahin ab, was er unterschreibt.
   *[other] { $count } Stationen sind weg: Sie erfahren vom Schlüssel, wenn sie wiederkommen, und lehnen bis dahin ab, was er unterschreibt.
 }
rotate-wait = So lange kann kein weiterer Schlüssel gemacht werden: { $span }.
rotate-done = Schlüssel { $id } ist gemacht. Die Stationen erfahren es jetzt.
key-ticket-issuer = Tickets
key-feed = Feed
key-code = Codes zum Tippen
key-kind = Für
key-number = Nummer
key-mark = Beginnt mit
key-state-holds = Gilt
key-state-coming = Unterschreibt bald
key-state-retired = Unterschreibt nicht mehr
makes = Hersteller von Bändern
makes-lead = Ein Band wird nur eingerichtet, wenn einer dieser Hersteller es unterschrieben hat.
makes-none = Noch kein Hersteller
makes-none-text = Ohne den Schlüssel eines Herstellers wird kein Band eingerichtet. Er kommt mit der ersten Lieferung.
make-add = Hersteller eintragen
make-lead = Prüfen Sie den Schlüssel auf einem anderen Weg als dem, auf dem er kam, etwa am Telefon.
make-name = Hersteller
make-name-hint = Wie man ihn nennt.
make-key = Öffentlicher Schlüssel
make-key-hint = 64 hexadezimale Ziffern.
make-added = Bänder dieses Herstellers sind willkommen. Stationen erfahren davon beim nächsten Kontakt.
factor-code = Code
code-hint = Sechs Ziffern Ihrer App, oder einer Ihrer Codes auf Papier.
code-title = Noch ein Schritt
code-lead = Das Passwort stimmte. Jetzt der Code, den Ihre App zeigt.
code-help = App und Papier verloren? Jemand aus der Verwaltung kann den zweiten Faktor entfernen.
code-wrong = Das ist nicht der Code dieses Augenblicks, oder er wurde schon benutzt. Jeder gilt einmal.
factor = Zweiter Faktor
factor-on = An
factor-off = Aus
factor-lead = Mit einem zweiten Faktor zeigen Sie neben dem Passwort den Code einer App auf Ihrem Telefon. Wer nur Ihr Passwort erfährt, kommt nicht hinein.
factor-due = Zuerst einen zweiten Faktor einrichten
factor-due-lead = Ihre Rolle ({ $role }) braucht einen: einen Code einer App auf dem Telefon neben dem Passwort. Vorher öffnet sich nichts anderes. Sie brauchen das Telefon zur Hand; es dauert eine Minute.
factor-needed = Ihre Rolle braucht ihn.
factor-require = Zweiten Faktor verlangen
factor-require-lead = Wer eine dieser Rollen und keinen zweiten Faktor hat, wird mit dem nächsten Klick dahin geführt, einen einzurichten, und kann vorher nichts anderes tun. Auch Sie. Schlüssel der API gelten weiter.
factor-require-saved = Es gilt ab jetzt.
factor-required-yes = Verlangt
factor-required-no = Wie jeder mag
factor-required-of = Ein zweiter Faktor wird verlangt von: { $roles }.
factor-required-none = niemandem
factor-setup = App einrichten
factor-setup-lead = Scannen Sie dies mit einer App, die Codes macht, etwa der Ihrer Firma, und tippen Sie den Code ein, den sie zeigt.
factor-text = Oder tippen Sie dies in die App
factor-bind = Einschalten
factor-code-hint = Die sechs Ziffern, die die App gerade zeigt.
factor-codes = Codes auf Papier
factor-codes-title = Der zweite Faktor ist an
factor-codes-lead = Drucken Sie diese Codes oder schreiben Sie sie auf, und verwahren Sie sie nicht beim Telefon. Jeder lässt Sie einmal hinein, wenn die App fehlt.
factor-codes-left = { $count ->
    [0] Kein Code auf Papier ist übrig: Machen Sie neue.
    [one] Ein Code auf Papier ist übrig: Machen Sie neue.
   *[other] { $count } Codes auf Papier sind übrig.
 }
factor-new-codes = Neue Codes auf Papier
factor-remove = Ausschalten
factor-removed = Der zweite Faktor ist aus.
factor-was-reset = Der zweite Faktor ist entfernt, und die Person ist überall abgemeldet.
account-factor = Zweiten Faktor entfernen
account-factor-text = Für jemanden, der Telefon und Papier verloren hat. Vergewissern Sie sich auf anderem Weg, dass es wirklich diese Person ist. Alle Sitzungen enden.
key-manufacturer = Hersteller von Bändern
rotate-no-stations = Noch ist keine Station beigetreten: Jede erfährt vom Schlüssel, wenn sie beitritt.
