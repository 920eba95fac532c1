/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-test-util.h"

#include <errno.h>
#include <glib/gstdio.h>

#ifdef __linux__
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>
#endif

/* Long enough for a sanitizer on a busy machine; a test that passes never waits for it. */
#define PATIENCE_SECONDS 60

/* The other tool waits as long as Python's sqlite3 does by itself. */
#define BUSY_TIMEOUT_MS 5000

static GMutex warnings_lock;
static GQueue warnings = G_QUEUE_INIT; /* (owned) of patterns */

char *
lamp_test_folder_new (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("lamppost-XXXXXX", &error);

  g_assert_no_error (error);

  return folder;
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        remove_tree (child);
      else if (g_unlink (child) != 0)
        g_assert_cmpint (errno, ==, ENOENT); /* a program that ends was faster */
    }

  g_assert_no_errno (g_rmdir (path));
}

void
lamp_test_folder_free (char *folder)
{
  remove_tree (folder);
  g_free (folder);
}

char *
lamp_test_dup_shared_file (const char *name)
{
  const char *shared = g_getenv ("LAMPPOST_SHARED");
  g_autofree char *beside = g_test_build_filename (G_TEST_DIST, "..", "shared", NULL);
  g_autofree char *path = NULL;

  path = g_build_filename (shared != NULL ? shared : beside, "data", "spec-kitty", name, NULL);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&path);

  g_test_skip_printf ("“%s” is absent; LAMPPOST_SHARED names the folder with the real data", path);

  return NULL;
}

guint
lamp_test_get_mode (const char *path)
{
  GStatBuf info;

  g_assert_no_errno (g_stat (path, &info));

  return info.st_mode & 07777;
}

static gboolean
give_up_cb (gpointer user_data)
{
  g_error ("Waited %d s in vain until %s", PATIENCE_SECONDS, (const char *) user_data);

  return G_SOURCE_REMOVE;
}

guint
lamp_test_watch (const char *what)
{
  return g_timeout_add_seconds (PATIENCE_SECONDS, give_up_cb, (gpointer) what);
}

void
lamp_test_result_cb (GObject      *source,
                     GAsyncResult *result,
                     gpointer      user_data)
{
  GAsyncResult **to = user_data;

  g_assert_null (*to);
  *to = g_object_ref (result);
}

static void
die_with_parent (gpointer user_data)
{
#ifdef __linux__
  prctl (PR_SET_PDEATHSIG, SIGKILL);
#endif
}

GSubprocessLauncher *
lamp_test_launcher_new (GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);

  return launcher;
}

/* What is open now is not inherited by what is started later. */
static void
keep_descriptors (void)
{
#ifdef __linux__
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      int fd = (int) g_ascii_strtoull (name, NULL, 10);

      if (fd > STDERR_FILENO)
        fcntl (fd, F_SETFD, FD_CLOEXEC);
    }
#endif
}

/* GLib has a process that ends the buses of a test that has died, which it notices by the end of a
 * pipe. A second bus would inherit that pipe and keep it open. */
void
lamp_test_bus_up (GTestDBus *bus)
{
  g_test_dbus_up (bus);
  keep_descriptors ();
}

LampTestDb *
lamp_test_db_open (const char *path)
{
  LampTestDb *db = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_busy_timeout (db, BUSY_TIMEOUT_MS);

  return db;
}

void
lamp_test_db_close (LampTestDb *db)
{
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}

void
lamp_test_db_run (LampTestDb *db,
                  const char *sql)
{
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) != SQLITE_OK)
    g_error ("%s: %s", sql, sqlite3_errmsg (db));
}

static int
add_row_cb (void  *user_data,
            int    n_columns,
            char **columns,
            char **names)
{
  GString *text = user_data;

  for (int i = 0; i < n_columns; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "|" : "", columns[i] != NULL ? columns[i] : "");
  g_string_append_c (text, '\n');

  return 0;
}

char *
lamp_test_db_text (LampTestDb *db,
                   const char *sql)
{
  GString *text = g_string_new (NULL);

  if (sqlite3_exec (db, sql, add_row_cb, text, NULL) != SQLITE_OK)
    g_error ("%s: %s", sql, sqlite3_errmsg (db));

  return g_string_free (text, FALSE);
}

gint64
lamp_test_db_int (LampTestDb *db,
                  const char *sql)
{
  g_autofree char *text = lamp_test_db_text (db, sql);

  g_assert_cmpstr (text, !=, "");

  return g_ascii_strtoll (text, NULL, 10);
}

/* Each SELECT gives a row where something is wrong, and none where nothing is. */
#define STATES(status) "(SELECT count(*) FROM lamppost_state WHERE status = " status ")"
#define SQL_CHECK                                                                                  \
  "SELECT 'pending', pending FROM lamppost_counter WHERE pending <> " STATES ("2")                 \
  "UNION ALL SELECT 'failed', failed FROM lamppost_counter WHERE failed <> " STATES ("1")          \
  "UNION ALL SELECT 'settled', settled FROM lamppost_counter WHERE settled <> " STATES ("0")       \
  "UNION ALL SELECT 'history', history FROM lamppost_counter "                                     \
  "  WHERE history <> (SELECT count(*) FROM lamppost_history) "                                    \
  "UNION ALL SELECT 'one counter', count(*) FROM lamppost_counter HAVING count(*) <> 1 "           \
  "UNION ALL SELECT 'row without state', id FROM queue "                                           \
  "  WHERE id NOT IN (SELECT id FROM lamppost_state) "                                             \
  "UNION ALL SELECT 'state without row', id FROM lamppost_state "                                  \
  "  WHERE id NOT IN (SELECT id FROM queue) "                                                      \
  "UNION ALL SELECT 'two states', id FROM lamppost_state GROUP BY id HAVING count(*) > 1 "         \
  "UNION ALL SELECT 'failure without row', id FROM lamppost_failure "                              \
  "  WHERE id NOT IN (SELECT id FROM queue) "                                                      \
  "UNION ALL SELECT 'failed without reason', id FROM lamppost_state WHERE status = 1 "             \
  "  AND id NOT IN (SELECT id FROM lamppost_failure WHERE code <> '') "                            \
  "UNION ALL SELECT 'reason without failed', id FROM lamppost_failure WHERE code <> '' "           \
  "  AND id NOT IN (SELECT id FROM lamppost_state WHERE status = 1)"

char *
lamp_test_db_check (LampTestDb *db)
{
  return lamp_test_db_text (db, SQL_CHECK);
}

void
lamp_test_db_assert_sound (LampTestDb *db)
{
  g_autofree char *integrity = lamp_test_db_text (db, "PRAGMA integrity_check");
  g_autofree char *wrong = lamp_test_db_check (db);

  g_assert_cmpstr (integrity, ==, "ok\n");
  if (*wrong != '\0')
    g_error ("The queue’s file is not sound: %s", wrong);
}

static const char *
find_message (const GLogField *fields,
              gsize            n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      return fields[i].value;

  return "";
}

static int
compare_pattern (gconstpointer pattern,
                 gconstpointer message)
{
  return g_pattern_match_simple (pattern, message) ? 0 : 1;
}

static gboolean
was_expected (const char *message)
{
  GList *link = NULL;

  g_mutex_lock (&warnings_lock);
  link = g_queue_find_custom (&warnings, message, compare_pattern);
  if (link != NULL)
    {
      g_free (link->data);
      g_queue_delete_link (&warnings, link);
    }
  g_mutex_unlock (&warnings_lock);

  return link != NULL;
}

static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         user_data)
{
  if ((level & G_LOG_LEVEL_WARNING) != 0 && was_expected (find_message (fields, n_fields)))
    return G_LOG_WRITER_HANDLED;

  return g_log_writer_default (level, fields, n_fields, user_data);
}

void
lamp_test_catch_warnings (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}

void
lamp_test_expect_warning (const char *pattern)
{
  g_mutex_lock (&warnings_lock);
  g_queue_push_tail (&warnings, g_strdup (pattern));
  g_mutex_unlock (&warnings_lock);
}

void
lamp_test_assert_warned (void)
{
  g_mutex_lock (&warnings_lock);
  if (warnings.length > 0)
    g_error ("There was no warning like “%s”", (const char *) warnings.head->data);
  g_mutex_unlock (&warnings_lock);
}

LampEvent *
lamp_test_event (const char *mission_id,
                 const char *event_type,
                 const char *payload)
{
  g_autoptr (GError) error = NULL;
  LampEvent *event = lamp_event_new (mission_id, event_type, payload != NULL ? payload : "{}", NULL,
                                     "test-node", &error);

  g_assert_no_error (error);

  return event;
}
