brand = Bandstand
skip = Zum Inhalt springen
crumbs = Wo Sie sind
back = Zurück
cancel = Abbrechen
save = Speichern
edit = Ändern
undo = Rückgängig
copy = Kopieren
copied = Kopiert
finished = Fertig
filter = Anzeigen
none = keins
nobody = niemand
revoke = Widerrufen
note = Notiz
history = Verlauf
history-none = Bisher ist nichts geschehen.
import = Importieren
fix = Kürzester Ausweg
code = Kennung
decided-by = Entschieden durch
form-faults = Bitte prüfen Sie:
pager-label = Seiten
pager-first = Erste Seite
pager-next = Nächste Seite
pager-shown = { $count ->
    [one] Ein Eintrag
   *[other] { $count } Einträge
 }
none-found = Nichts gefunden
none-found-text = Suchen Sie nach weniger, oder zeigen Sie wieder alles an.
site-any = Alle Standorte

nav-label = Konsole
nav-open = Menü
nav-home = Übersicht
nav-people = Menschen und Bänder
nav-users = Benutzer
nav-bands = Bänder und Bestand
nav-associations = Zuordnungen
nav-tickets = Tickets
nav-rules = Regeln
nav-policies = Richtlinien
nav-dry-run = Probelauf
nav-plant = Werk
nav-stations = Stationen
nav-quarantine = Quarantäne
nav-console = Konsole
nav-audit = Protokoll
nav-settings = Einstellungen

find-label = Benutzer oder Band finden
find-title = Gefunden für „{ $q }“
find-none-text = Versuchen Sie einen Teil des Namens, eine Kennung oder die Seriennummer auf der Rückseite eines Bandes.
account-menu = Ihr Konto: { $name }
account-own = Passwort und Sitzungen
sign-out = Abmelden
look-language = Sprache
look-en = English
look-de = Deutsch
look-theme = Farben
look-auto = System
look-light = Hell
look-dark = Dunkel

span-seconds = { $count ->
    [one] { $count } Sekunde
   *[other] { $count } Sekunden
 }
span-minutes = { $count ->
    [one] { $count } Minute
   *[other] { $count } Minuten
 }
span-hours = { $count ->
    [one] { $count } Stunde
   *[other] { $count } Stunden
 }
span-days = { $count ->
    [one] { $count } Tag
   *[other] { $count } Tage
 }

problem-next = Was zu tun ist:
problem-code = Kennung
problem-home = Zum Anfang
problem-not-found = Hier ist nichts
problem-not-found-text = Die Adresse stimmt nicht, oder was hier war, gibt es nicht mehr.
problem-stale = Dieses Formular ist zu alt
problem-stale-text = Es wurde vor Ihrer Anmeldung geöffnet oder stammt von einer anderen Seite. Gehen Sie zurück, laden Sie die Seite neu und senden Sie sie noch einmal. Es wurde nichts geändert.
problem-origin = Diese Anfrage kam von einer anderen Website
problem-origin-text = Die Konsole nimmt Änderungen nur von ihren eigenen Seiten an. Es wurde nichts geändert.
problem-bad-form = Dieses Formular ließ sich nicht lesen
problem-bad-form-text = Ein Feld fehlt oder kommt doppelt vor. Gehen Sie zurück, laden Sie die Seite neu und senden Sie sie noch einmal. Es wurde nichts geändert.

col-name = Name
col-state = Zustand
col-band = Band
col-policy = Richtlinie
col-site = Standort
col-sites = Standorte
col-zone = Zone
col-since = Seit
col-until = Gültig bis
col-issued = Ausgestellt
col-user = Benutzer
col-serial = Seriennummer
col-holder = Gehört
col-doors = Türen
col-actions = Aktionen
col-setting = Einstellung
col-value = Wert
col-source = Gesetzt von
col-knows = Wissensstand
col-unsent = Noch nicht gesendet
col-contact = Letzter Kontakt
col-when = Wann
col-who = Wer
col-what = Was
col-subject = Worum es geht
col-change = Änderung
col-role = Rolle
col-scopes = Darf
col-signed-in = Letzte Anmeldung
col-line = Zeile
col-column = Spalte
col-fault = Was nicht stimmt
problem-other = Das ging nicht
problem-internal = Hier ist etwas schiefgegangen
problem-internal-text = Es wurde nichts geändert. Versuchen Sie es noch einmal; geschieht es wieder, steht der Grund im Log der Konsole.
problem-unavailable = Die Konsole kann das gerade nicht
problem-unavailable-text = Es wurde nichts geändert. Versuchen Sie es gleich noch einmal.
problem-not-allowed = Ihre Rolle darf das nicht
problem-not-allowed-text = Es wurde nichts geändert. Wer verwaltet, kann es tun oder Ihnen eine Rolle geben, die es darf.
problem-other-site = Das gehört zu einem anderen Standort
problem-other-site-text = Ihr Konto ist auf einige Standorte beschränkt, und dieser gehört nicht dazu.
problem-changed-meanwhile = Jemand hat das inzwischen geändert
problem-changed-meanwhile-text = Sie haben nichts geändert. Sehen Sie es sich noch einmal an und wiederholen Sie dann Ihre Änderung.
problem-preview-outdated = Die Wirkung ist jetzt eine andere
problem-preview-outdated-text = Seit Sie nachgesehen haben, hat sich etwas geändert. Sie haben nichts geändert: Sehen Sie noch einmal nach, dann entscheiden Sie.
problem-second-person-needed = Jemand Zweites muss zustimmen
problem-second-person-needed-text = Das betrifft viele Menschen. Jemand anderes aus der Verwaltung muss es bestätigen.
problem-too-large = Das ist zu groß
problem-too-large-text = Die Datei oder das Formular ist größer, als die Konsole annimmt.
problem-too-slow = Das hat zu lange gedauert
problem-too-slow-text = Die Konsole hat auf alles gewartet und dann nicht mehr. Sehen Sie nach, ob es geschehen ist, bevor Sie es noch einmal senden.
problem-too-many-requests = Zu viele Anfragen
problem-too-many-requests-text = Jemand oder ein Programm fragt unter Ihrem Konto mehr ab, als eine Person lesen kann. Es wurde nichts geändert. Warten Sie einige Sekunden und versuchen Sie es noch einmal.
problem-storage-full = Die Festplatte der Konsole ist voll
problem-storage-full-text = Es wurde nichts geändert. Sobald auf der Platte der Datenbank Platz ist, arbeitet die Konsole von selbst weiter.
problem-storage-failed = Die Festplatte der Konsole lässt sich nicht beschreiben
problem-storage-failed-text = Wer die Konsole betreibt, muss nach ihrer Festplatte sehen; das Protokoll der Konsole sagt mehr.
change = ändern
mail = E-Mail
export = Exportieren
nav-operators = Kiosk-Personal
