/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-facts.h"
#include "lamp-cli-source.h"
#include "lamp-cli-text.h"
#include "lamp-settings.h"
#include "lamp-status-text.h"
#include "lamp-sandbox.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0700
#define FILE_MODE 0600
#define MODE_BITS 0777

/* Below the first, sooner or later; below the second, the next event may be refused. */
#define DISK_LOW (100 * 1024 * 1024)
#define DISK_FULL (10 * 1024 * 1024)

/* The bound that holds while nobody reads all the time (section 4 of the specification). */
#define WAL_MAX (8 * 1024 * 1024)

/* Between the queue's name and the time at which it was found damaged. */
#define CORRUPT_INFIX ".corrupt-"

#define TRAY_HOST "org.kde.StatusNotifierWatcher"

#define PORTAL "org.freedesktop.portal.Desktop"
#define PORTAL_PATH "/org/freedesktop/portal/desktop"

/* A portal that doesn't answer is as good as none. */
#define PORTAL_PATIENCE_MS 5000

/* A note is worth a look, but all is well all the same. */
typedef enum
{
  LEVEL_GOOD,
  LEVEL_NOTE,
  LEVEL_WARNING,
  LEVEL_BAD,
} Level;

typedef struct
{
  LampCli *cli;
  GVariant *facts;    /* (owned) (nullable) NULL where neither agent nor queue is in reach */
  GError *error;      /* (owned) (nullable) why */
  char *queue_path;   /* (owned) */
  gboolean explained; /* why the queue can't be opened */
  gboolean healthy;
} Doctor;

typedef void (*Check) (Doctor *self);

static void
doctor_clear (Doctor *self)
{
  g_clear_pointer (&self->facts, g_variant_unref);
  g_clear_error (&self->error);
  g_free (self->queue_path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Doctor, doctor_clear)

/* Marks differ in shape, not only in colour; where they can't be shown, other signs do it. */
static void
report (Doctor     *self,
        Level       level,
        const char *finding,
        const char *advice)
{
  static const struct
  {
    const char *mark;
    const char *ascii;
    LampCliColor color;
  } levels[] = {
    [LEVEL_GOOD] = { "✓", "+", LAMP_CLI_GREEN },
    [LEVEL_NOTE] = { "!", "!", LAMP_CLI_YELLOW },
    [LEVEL_WARNING] = { "!", "!", LAMP_CLI_YELLOW },
    [LEVEL_BAD] = { "✗", "x", LAMP_CLI_RED },
  };
  const char *mark = g_get_charset (NULL) ? levels[level].mark : levels[level].ascii;
  g_autofree char *painted = lamp_cli_paint (levels[level].color, mark);
  g_autofree char *clean = lamp_cli_clean (finding);

  g_print ("%s %s\n", painted, clean);
  if (advice != NULL)
    g_print ("  → %s\n", advice);

  if (level > LEVEL_NOTE)
    self->healthy = FALSE;
}

/* The folder for temporary files, or another that is meant for everybody: not to be closed. */
static gboolean
is_common (const char *path)
{
  GStatBuf info;

  return g_stat (path, &info) == 0 && S_ISDIR (info.st_mode) && (info.st_mode & S_ISVTX) != 0;
}

static gboolean
is_open_for_writing (const char *path)
{
  GStatBuf info;

  return g_stat (path, &info) == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* A file that isn't there is not too open. */
static gboolean
check_mode (Doctor     *self,
            const char *path,
            guint       wanted)
{
  GStatBuf info;
  g_autofree char *finding = NULL;
  g_autofree char *quoted = NULL;
  g_autofree char *advice = NULL;

  if (g_stat (path, &info) != 0 || (info.st_mode & MODE_BITS & ~wanted) == 0)
    return TRUE;

  quoted = g_shell_quote (path);
  finding = g_strdup_printf (is_open_for_writing (path)
                               ? _("Others may write to %s (mode %03o).")
                               : _("Others may look into %s (mode %03o)."),
                             path, (guint) info.st_mode & MODE_BITS);
  advice = g_strdup_printf (_("Run: chmod %03o %s"), wanted, quoted);
  report (self, LEVEL_BAD, finding, advice);

  return FALSE;
}

static gboolean
check_folder (Doctor *self)
{
  g_autofree char *folder = g_path_get_dirname (self->queue_path);
  g_autofree char *finding = NULL;

  if (!is_common (folder))
    {
      self->explained |= is_open_for_writing (folder);
      return check_mode (self, folder, FOLDER_MODE);
    }

  finding = g_strdup_printf (_("Everybody uses the queue’s folder: %s"), folder);
  report (self, LEVEL_BAD, finding, _("Set SPEC_KITTY_HOME to a folder of your own."));

  return FALSE;
}

static void
check_link (Doctor *self)
{
  GStatBuf info;
  g_autofree char *finding = NULL;
  g_autofree char *quoted = NULL;
  g_autofree char *advice = NULL;

  if (g_lstat (self->queue_path, &info) != 0 || !S_ISLNK (info.st_mode) ||
      info.st_uid == geteuid ())
    return;

  self->explained = TRUE;
  finding = g_strdup_printf (_("The queue is a symbolic link that somebody else made: %s"),
                             self->queue_path);
  quoted = g_shell_quote (self->queue_path);
  advice = g_strdup_printf (_("Look where it leads: ls -l %s. If you don’t know it, run: rm %s"),
                            quoted, quoted);
  report (self, LEVEL_BAD, finding, advice);
}

static void
check_modes (Doctor *self)
{
  static const char *const suffixes[] = { "", "-wal", "-shm" };
  gboolean closed = check_folder (self);

  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *path = g_strconcat (self->queue_path, suffixes[i], NULL);

      closed &= check_mode (self, path, FILE_MODE);
    }

  if (closed)
    report (self, LEVEL_GOOD, _("Nobody else can read the queue."), NULL);
}

static void
check_queue (Doctor *self)
{
  g_autofree char *folder = g_path_get_dirname (self->queue_path);
  g_autofree char *finding = NULL;

  if (!g_file_test (self->queue_path, G_FILE_TEST_EXISTS))
    {
      finding = g_strdup_printf (_("There is no queue yet: %s"), self->queue_path);
      report (self, LEVEL_BAD, finding, _("The agent makes it when it starts."));
    }
  else if (g_access (self->queue_path, R_OK | W_OK) != 0 || g_access (folder, W_OK | X_OK) != 0)
    {
      finding = g_strdup_printf (_("The queue can’t be written: %s"), self->queue_path);
      report (self, LEVEL_BAD, finding,
              _("Give yourself the right to write the file and its folder."));
    }
  else
    {
      finding = g_strdup_printf (_("The queue’s file: %s"), self->queue_path);
      report (self, LEVEL_GOOD, finding, NULL);
    }
}

/* A damaged queue was replaced, and what was left of it is still there. */
static void
report_corrupt (Doctor     *self,
                const char *path)
{
  const char *name = strstr (path, CORRUPT_INFIX) + strlen (CORRUPT_INFIX);
  g_autofree char *stamp = g_strndup (name, strcspn (name, "-"));
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (stamp, NULL);
  g_autofree char *when = time != NULL
                            ? lamp_cli_dup_time (g_date_time_to_unix (time) * G_USEC_PER_SEC)
                            : NULL;
  g_autofree char *quoted = g_shell_quote (path);
  g_autofree char *finding = NULL;
  g_autofree char *advice = NULL;

  /* TRANSLATORS: a date and time, and a path */
  finding = g_strdup_printf (_("A damaged queue was put aside on %s: %s"),
                             when != NULL ? when : stamp, path);
  advice = g_strdup_printf (_("What could be read of it is in the queue now. Delete the damaged "
                              "file when you don’t need it any more: rm %s*"),
                            quoted);
  report (self, LEVEL_WARNING, finding, advice);
}

static void
check_corrupt (Doctor *self)
{
  g_autofree char *folder = g_path_get_dirname (self->queue_path);
  g_autofree char *base = g_path_get_basename (self->queue_path);
  g_autofree char *prefix = g_strconcat (base, CORRUPT_INFIX, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      /* Its side files go with it. */
      if (g_str_has_prefix (name, prefix) && !g_str_has_suffix (name, "-wal") &&
          !g_str_has_suffix (name, "-shm") && !g_str_has_suffix (name, "-journal"))
        report_corrupt (self, path);
    }
}

static void
check_wal (Doctor *self)
{
  g_autofree char *path = g_strconcat (self->queue_path, "-wal", NULL);
  g_autofree char *size = NULL;
  g_autofree char *finding = NULL;
  GStatBuf info;

  if (g_stat (path, &info) != 0 || info.st_size <= WAL_MAX)
    return;

  size = g_format_size_full ((guint64) info.st_size, G_FORMAT_SIZE_IEC_UNITS);
  finding =
    g_strdup_printf (_("What waits to be written into the queue’s file has grown to %s: %s"), size,
                     path);
  report (self, LEVEL_WARNING, finding,
          _(
           "A program reads the queue without a pause, a “sqlite3” perhaps. End it; the file then "
           "shrinks by itself. Don’t delete it: it holds events."));
}

static void
check_disk (Doctor *self)
{
  g_autofree char *folder = g_path_get_dirname (self->queue_path);
  g_autoptr (GFile) file = g_file_new_for_path (folder);
  g_autoptr (GFileInfo) info = NULL;
  g_autofree char *size = NULL;
  g_autofree char *finding = NULL;
  guint64 left;

  info = g_file_query_filesystem_info (file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);
  if (info == NULL || !g_file_info_has_attribute (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE))
    return;

  left = g_file_info_get_attribute_uint64 (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE);
  size = g_format_size (left);
  finding = g_strdup_printf (_("Free on the queue’s disk: %s"), size);
  if (left >= DISK_LOW)
    report (self, LEVEL_GOOD, finding, NULL);
  else
    report (self, left >= DISK_FULL ? LEVEL_WARNING : LEVEL_BAD, finding,
            _("Make room, or no further event can be stored."));
}

static void
check_agent (Doctor *self)
{
  g_autofree char *finding = NULL;
  const char *version;

  if (self->cli->connection == NULL)
    {
      report (self, LEVEL_BAD, _("There is no session bus here, so no agent."),
              _("Events are stored all the same. To send them, log in to a desktop session and "
                "start “lamppost-agent”."));
      return;
    }

  if (self->cli->client == NULL)
    {
      report (self, LEVEL_BAD, _("The agent doesn’t run, and the session can’t start it."),
              _("Run “lamppost-agent”; if that ends at once, it says why."));
      return;
    }

  version = lamp_cli_facts_get_text (self->facts, "Version");
  finding = g_strdup_printf (_("The agent runs, version %s."), version);
  if (g_str_equal (version, LAMP_VERSION))
    report (self, LEVEL_GOOD, finding, NULL);
  else
    report (self, LEVEL_WARNING, finding,
            _("The agent and this program have different versions. Run “lamppost-agent "
              "--replace”."));
}

static void
check_storage (Doctor *self)
{
  if (self->error != NULL && !self->explained)
    report (self, LEVEL_BAD, self->error->message,
            _("Until this is mended, no event can be stored."));
}

static gboolean
has_tray_host (Doctor *self)
{
  g_autoptr (GVariant) result = NULL;
  gboolean has_owner = FALSE;

  result = g_dbus_connection_call_sync (self->cli->connection, "org.freedesktop.DBus",
                                        "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                        "NameHasOwner", g_variant_new ("(s)", TRAY_HOST),
                                        G_VARIANT_TYPE ("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                        NULL);
  if (result != NULL)
    g_variant_get (result, "(b)", &has_owner);

  return has_owner;
}

static void
check_tray (Doctor *self)
{
  const char *status;
  g_autofree char *finding = NULL;

  if (self->cli->client == NULL)
    return;

  status = lamp_cli_facts_get_text (self->facts, "TrayStatus");
  if (*status == '\0')
    {
      report (self, LEVEL_NOTE, _("The agent runs without a tray icon (--no-tray)."),
              _("Nothing needs to be done: everything else works without it."));
      return;
    }

  finding = g_strdup_printf (_("Tray: %s"), status);
  if (has_tray_host (self))
    report (self, LEVEL_GOOD, finding, NULL);
  else
    report (self, LEVEL_NOTE, finding, _("Everything else works without it."));
}

static gboolean
has_portal (Doctor     *self,
            const char *interface)
{
  g_autoptr (GVariant) version = NULL;

  version = g_dbus_connection_call_sync (self->cli->connection, PORTAL, PORTAL_PATH,
                                         "org.freedesktop.DBus.Properties", "Get",
                                         g_variant_new ("(ss)", interface, "version"),
                                         G_VARIANT_TYPE ("(v)"), G_DBUS_CALL_FLAGS_NONE,
                                         PORTAL_PATIENCE_MS, NULL, NULL);

  return version != NULL;
}

/* In a sandbox they are the only way to the desktop. */
static void
check_portals (Doctor *self)
{
  static const struct
  {
    const char *interface;
    const char *finding;
    const char *advice;
  } portals[] = {
    { "org.freedesktop.portal.Secret", N_("The desktop keeps no secrets for a Flatpak."),
      N_("Start a keyring such as gnome-keyring, or set SAAS_API_KEY.") },
    { "org.freedesktop.portal.Notification",
      N_("The desktop shows no notifications of a Flatpak."),
      N_("Look at the tray icon instead, or at “lamppost status”.") },
    { "org.freedesktop.portal.Background", N_("The desktop can’t start a Flatpak at login."),
      N_("Add Lamppost to the desktop’s own list of programs to start.") },
    { "org.freedesktop.portal.NetworkMonitor",
      N_("The desktop doesn’t tell a Flatpak when the network is back."),
      N_("Nothing needs to be done: the server is tried again now and then.") },
  };
  gboolean complete = TRUE;

  if (self->cli->connection == NULL || !lamp_sandbox_is_around ())
    return;

  for (gsize i = 0; i < G_N_ELEMENTS (portals); i++)
    {
      if (has_portal (self, portals[i].interface))
        continue;

      complete = FALSE;
      report (self, LEVEL_NOTE, _(portals[i].finding), _(portals[i].advice));
    }

  if (complete)
    report (self, LEVEL_GOOD, _("The desktop has all portals that a Flatpak needs."), NULL);
}

static gboolean
is_state (Doctor     *self,
          const char *state)
{
  return g_str_equal (lamp_cli_facts_get_text (self->facts, "State"), state);
}

/* What is set is no address, and the agent says why. */
static gboolean
is_address_refused (Doctor *self)
{
  return is_state (self, "unconfigured") &&
         *lamp_cli_facts_get_text (self->facts, "ServerUrl") != '\0';
}

/* Signing in changes nothing then. */
static gboolean
is_token_overridden (Doctor *self)
{
  return is_state (self, "unauthorized") &&
         strstr (lamp_cli_facts_get_text (self->facts, "LastError"),
                 LAMP_SETTINGS_TOKEN_VARIABLE) != NULL;
}

/* What each state means for a person who wonders why nothing is sent. */
static void
check_server (Doctor *self)
{
  static const struct
  {
    const char *state;
    Level level;
    const char *finding;
    const char *advice;
  } states[] = {
    { "unconfigured", LEVEL_BAD, N_("No server is set."),
      N_("Set it in the preferences, or with: gsettings set io.github.lamppost.Lamppost "
         "server-url https://…") },
    { "paused", LEVEL_WARNING, N_("Replay is paused."), N_("Run “lamppost unpause”.") },
    { "unauthorized", LEVEL_BAD, N_("The server doesn’t take the token."),
      N_("Run “lamppost login” with a new one.") },
    { "misconfigured", LEVEL_BAD,
      N_("What answers at the server’s address doesn’t take what is sent."),
      N_("The agent’s error below says why: it may be the address, or an update is needed.") },
    { "throttled", LEVEL_WARNING, N_("The server asks to wait."),
      N_("Nothing needs to be done; sending goes on by itself.") },
    { "offline", LEVEL_WARNING, N_("The server isn’t reached, or isn’t well."),
      N_("If the agent’s error below is about the way there, check the network. Sending goes on "
         "by itself.") },
  };
  g_autofree char *finding = NULL;

  if (self->cli->client == NULL)
    return;

  if (is_address_refused (self))
    {
      report (self, LEVEL_BAD, _("The server’s address can’t be used."),
              _("The agent’s error below says why. Correct it in the preferences."));
      return;
    }

  if (is_token_overridden (self))
    {
      report (self, LEVEL_BAD, _("The server doesn’t take the token."),
              _("The agent has it from SAAS_API_KEY. Correct or unset that where the agent is "
                "started, and start it anew; “lamppost login” changes nothing until then."));
      return;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    if (is_state (self, states[i].state))
      {
        report (self, states[i].level, _(states[i].finding), _(states[i].advice));
        return;
      }

  finding = g_strdup_printf (_("The server answers: %s"),
                             lamp_cli_facts_get_text (self->facts, "ServerUrl"));
  report (self, LEVEL_GOOD, finding, NULL);
}

/* The token and whatever else the agent has to say: only it knows. */
static void
check_last_error (Doctor *self)
{
  const char *last_error;

  if (self->cli->client == NULL)
    return;

  last_error = lamp_cli_facts_get_text (self->facts, "LastError");
  if (*last_error == '\0' && is_state (self, "unconfigured"))
    return;

  if (*last_error == '\0')
    report (self, LEVEL_GOOD, _("The agent reports no problem with server or token."), NULL);
  else
    report (self, LEVEL_BAD, last_error,
            _("This is the agent’s last error; it goes when mended."));
}

static void
check_failed (Doctor *self)
{
  guint64 failed = self->facts != NULL ? lamp_cli_facts_get_count (self->facts, "Failed") : 0;
  g_autofree char *finding = NULL;

  if (failed == 0)
    return;

  finding = g_strdup_printf (ngettext ("%" PRIu64 " event has failed.",
                                       "%" PRIu64 " events have failed.", failed),
                             failed);
  report (self, LEVEL_BAD, finding,
          _(
           "“lamppost list --status failed” tells why. Then send them again with “lamppost resend "
           "--all”, or give them up with “lamppost discard”."));
}

static void
check_oldest (Doctor *self)
{
  gint64 oldest;
  gint64 age;
  g_autofree char *duration = NULL;
  g_autofree char *finding = NULL;

  if (self->facts == NULL)
    return;

  oldest = lamp_cli_facts_get_time (self->facts, "OldestPending");
  if (oldest == 0)
    {
      report (self, LEVEL_GOOD, _("No event waits."), NULL);
      return;
    }

  age = MAX (g_get_real_time () - oldest, 0);
  duration = lamp_status_text_dup_duration (age);
  /* TRANSLATORS: the placeholder is a duration like “3 days” */
  finding = g_strdup_printf (_("The oldest event has waited for %s."), duration);
  if (age < lamp_cli_facts_get_stalled_after ())
    report (self, LEVEL_GOOD, finding, NULL);
  else
    report (self, LEVEL_BAD, finding, _("Mend what is said above, then run “lamppost replay”."));
}

static void
check_capacity (Doctor *self)
{
  guint64 capacity;
  guint64 used;
  g_autofree char *finding = NULL;
  g_autofree char *advice = NULL;

  if (self->facts == NULL)
    return;

  capacity = lamp_cli_facts_get_count (self->facts, "Capacity");
  used = lamp_cli_facts_get_count (self->facts, "Pending") +
         lamp_cli_facts_get_count (self->facts, "Failed");

  /* 80 % warns (section 4 of the specification). */
  if (capacity == 0 || used < capacity / 5 * 4)
    return;

  finding = g_strdup_printf (_("The queue holds %" PRIu64 " of %" PRIu64 " events."), used,
                             capacity);
  /* TRANSLATORS: the placeholder is the name of a setting */
  advice = g_strdup_printf (
    used < capacity
      ? _("When it is full, new events are refused. Let it be sent, or raise “%s” in the "
          "preferences.")
      : _("It is full: new events are refused. Let it be sent, discard failed events, or raise "
          "“%s” in the preferences."),
    _("Events that are kept until they are delivered"));
  report (self, used < capacity ? LEVEL_WARNING : LEVEL_BAD, finding, advice);
}

static const Check checks[] = {
  check_queue,  check_link,       check_modes,  check_storage,  check_corrupt,
  check_wal,    check_disk,       check_agent,  check_tray,     check_portals,
  check_server, check_last_error, check_failed, check_capacity, check_oldest,
};

/* Without an agent the queue is looked at all the same. Where there is a bus nobody has opened it
 * yet, and one that isn't there is left for the agent to make. */
static void
open_queue (Doctor *self)
{
  g_autoptr (GSettings) settings = NULL;
  g_autoptr (LampQueue) queue = NULL;

  if (self->cli->connection == NULL)
    return;

  g_clear_error (&self->error);
  if (!g_file_test (self->queue_path, G_FILE_TEST_EXISTS))
    return;

  settings = lamp_settings_new ();
  queue = lamp_settings_new_queue (settings, self->queue_path);
  if (!lamp_queue_open (queue, &self->error))
    return;

  self->cli->queue = g_steal_pointer (&queue);
  self->facts = lamp_cli_source_get_facts (self->cli);
}

LampCliExit
lamp_cli_doctor (LampCli *cli,
                 char  ***arguments)
{
  g_auto (Doctor) self = { .cli = cli, .healthy = TRUE };

  if (!lamp_cli_parse (cli, NULL, NULL, arguments))
    return LAMP_CLI_USAGE;

  if (lamp_cli_try_open (cli, &self.error))
    self.facts = lamp_cli_source_get_facts (cli);

  self.queue_path = lamp_cli_dup_queue_path (cli);
  if (self.facts == NULL)
    open_queue (&self);
  for (gsize i = 0; i < G_N_ELEMENTS (checks); i++)
    checks[i](&self);

  return self.healthy ? LAMP_CLI_DONE : LAMP_CLI_FAILED;
}
