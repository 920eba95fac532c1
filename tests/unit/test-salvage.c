/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-queue.h"
#include "lamp-test-util.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define NODE "test-node"
#define NOBODY 65534
#define PAGE 4096
#define MANY 10000

typedef struct
{
  char *folder;     /* (owned) */
  char *path;       /* (owned) of the queue */
  LampQueue *queue; /* (owned) (nullable) */
} Fixture;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->folder = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "queue.db", NULL);
  fixture->queue = lamp_queue_new (fixture->path, NODE);
}

static void
reopen (Fixture *fixture)
{
  g_assert_finalize_object (g_steal_pointer (&fixture->queue));
  fixture->queue = lamp_queue_new (fixture->path, NODE);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_assert_finalize_object (g_steal_pointer (&fixture->queue));
  g_chmod (fixture->folder, 0700);
  lamp_test_folder_free (fixture->folder);
  g_free (fixture->path);
}

/* --- helpers ------------------------------------------------------------ */

static GPtrArray *
append (Fixture *fixture,
        guint    count,
        GError **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);

  for (guint i = 0; i < count; i++)
    g_ptr_array_add (events,
                     lamp_event_new ("mission", "Noted",
                                     "{\"text\":\"a payload as long as those that people write\"}",
                                     NULL, NODE, NULL));

  return lamp_queue_append (fixture->queue, events, error);
}

static void
append_many (Fixture *fixture,
             guint    count)
{
  for (guint done = 0; done < count; done += 1000)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) receipts = append (fixture, MIN (count - done, 1000), &error);

      g_assert_no_error (error);
      g_assert_nonnull (receipts);
    }
}

static void
assert_refused (Fixture    *fixture,
                const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) receipts = append (fixture, 1, &error);

  g_assert_null (receipts);
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE);
  if (strstr (error->message, reason) == NULL || strstr (error->message, fixture->path) == NULL)
    g_error ("“%s” doesn't say “%s” and “%s”", error->message, reason, fixture->path);
}

/* The one file whose name begins so, or NULL. */
static char *
dup_corrupt_file (Fixture *fixture)
{
  g_autoptr (GDir) folder = g_dir_open (fixture->folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (folder)) != NULL)
    if (g_str_has_prefix (name, "queue.db.corrupt-") && g_str_has_suffix (name, "Z"))
      return g_build_filename (fixture->folder, name, NULL);

  return NULL;
}

static void
read_everything (Fixture *fixture)
{
  g_autoptr (LampFilter) filter = lamp_filter_new (NULL, NULL);
  gint64 cursor = 0;

  do
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (LampPage)
        page = lamp_queue_list (fixture->queue, filter, cursor, LAMP_LIST_MAX, &error);

      g_assert_no_error (error);
      cursor = page->next_cursor;
    }
  while (cursor != 0);
}

static void
assert_counters_true (Fixture *fixture)
{
  g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);
  g_autofree char *integrity = lamp_test_db_text (db, "PRAGMA integrity_check");
  const LampTally *tally = lamp_queue_get_tally (fixture->queue);

  g_assert_cmpstr (integrity, ==, "ok\n");
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM queue"), ==,
                   lamp_test_db_int (db, "SELECT count(*) FROM lamppost_state"));
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM lamppost_state WHERE status = 2"),
                   ==, tally->pending);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM lamppost_state WHERE status = 1"),
                   ==, tally->failed);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT (SELECT count(*) FROM lamppost_state "
                                     "WHERE status = 0) + (SELECT count(*) FROM lamppost_history)"),
                   ==, tally->delivered);
}

static gboolean
holds (const char *page,
       const char *text)
{
  gsize length = strlen (text);

  for (gsize i = 0; i + length <= PAGE; i++)
    if (memcmp (page + i, text, length) == 0)
      return TRUE;

  return FALSE;
}

/* The pages of the queue's own table that hold rows, told by what they hold. */
static GArray *
find_leaves (const char *path)
{
  GArray *leaves = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autofree char *data = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  for (gsize offset = PAGE; offset + PAGE <= length; offset += PAGE)
    if (data[offset] == 13 && holds (data + offset, "\"aggregate_id\":\"mission/mission\""))
      g_array_append_val (leaves, offset);

  return leaves;
}

static void
damage (const char *path,
        gsize       offset,
        gsize       length)
{
  g_autofree char *noise = g_strnfill (length, 0x5a);
  FILE *file = g_fopen (path, "r+b");

  g_assert_nonnull (file);
  g_assert_cmpint (fseek (file, (long) offset, SEEK_SET), ==, 0);
  g_assert_cmpint (fwrite (noise, 1, length, file), ==, length);
  g_assert_cmpint (fclose (file), ==, 0);
}

/* --- damaged files ------------------------------------------------------ */

static void
test_not_a_database (Fixture      *fixture,
                     gconstpointer data)
{
  g_autofree char *garbage = g_strnfill (10000, 'x');
  g_autofree char *kept = NULL;
  g_autofree char *corrupt = NULL;
  g_autofree char *notice = NULL;

  g_assert_true (g_file_set_contents (fixture->path, garbage, -1, NULL));
  append_many (fixture, 1);

  corrupt = dup_corrupt_file (fixture);
  g_assert_nonnull (corrupt);
  g_assert_true (g_file_get_contents (corrupt, &kept, NULL, NULL));
  g_assert_cmpstr (kept, ==, garbage);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->pending, ==, 1);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->mishaps, ==, 1);

  notice = lamp_queue_dup_notice (fixture->queue);
  g_assert_nonnull (strstr (notice, corrupt));
  assert_counters_true (fixture);
}

/* Ten thousand rows, some of them failed or delivered, of which three pages are destroyed. */
static void
test_damaged_leaves (Fixture      *fixture,
                     gconstpointer data)
{
  static const guint which[] = { 7, 400, 1000 };
  g_autoptr (GArray) leaves = NULL;
  g_autofree char *corrupt = NULL;
  const LampTally *tally = NULL;
  gint64 clock;

  append_many (fixture, MANY);
  clock = lamp_queue_get_tally (fixture->queue)->lamport_clock;
  {
    g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

    lamp_test_db_run (db,
                      "UPDATE lamppost_state SET status = 1 WHERE id IN (2, 9000);"
                      "INSERT INTO lamppost_failure VALUES (2, 'no', 'because', 3);"
                      "UPDATE lamppost_state SET status = 0 WHERE id = 3");
  }
  reopen (fixture);

  leaves = find_leaves (fixture->path);
  g_assert_cmpuint (leaves->len, >, 1001);
  for (guint i = 0; i < G_N_ELEMENTS (which); i++)
    damage (fixture->path, g_array_index (leaves, gsize, which[i]), PAGE);

  read_everything (fixture);

  corrupt = dup_corrupt_file (fixture);
  g_assert_nonnull (corrupt);
  tally = lamp_queue_get_tally (fixture->queue);
  g_test_message ("%" G_GUINT64_FORMAT " of %d rows were saved",
                  tally->pending + tally->failed + tally->delivered, MANY);
  g_assert_cmpuint (tally->pending + tally->failed + tally->delivered, >=, MANY - 3 * 12);
  g_assert_cmpuint (tally->failed, ==, 2);
  g_assert_cmpuint (tally->delivered, ==, 1);
  g_assert_cmpint (tally->lamport_clock, >=, clock);
  assert_counters_true (fixture);

  append_many (fixture, 1);
  g_assert_cmpint (tally->lamport_clock, >, clock);
}

static void
test_truncated (Fixture      *fixture,
                gconstpointer data)
{
  g_autofree char *corrupt = NULL;
  guint64 saved;

  append_many (fixture, 1000);
  reopen (fixture);
  g_assert_cmpint (truncate (fixture->path, 80 * PAGE + 100), ==, 0);

  read_everything (fixture);

  corrupt = dup_corrupt_file (fixture);
  g_assert_nonnull (corrupt);
  saved = lamp_queue_get_tally (fixture->queue)->pending;
  g_test_message ("%" G_GUINT64_FORMAT " of 1000 rows were saved", saved);
  g_assert_cmpuint (saved, >, 100);
  assert_counters_true (fixture);
  append_many (fixture, 1);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->pending, ==, saved + 1);
}

/* Less than a page is missing, which SQLite takes for zeros. */
static void
test_cut_page (Fixture      *fixture,
               gconstpointer data)
{
  g_autofree char *corrupt = NULL;
  GStatBuf info;

  append_many (fixture, 1000);
  reopen (fixture);
  g_assert_cmpint (g_stat (fixture->path, &info), ==, 0);
  g_assert_cmpint (truncate (fixture->path, info.st_size - 1000), ==, 0);

  append_many (fixture, 1);
  corrupt = dup_corrupt_file (fixture);
  g_assert_nonnull (corrupt);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->pending, >, 900);
  assert_counters_true (fixture);
}

/* The first page tells where the tables are: nothing can be read without it, and nothing is lost
 * either. */
static void
test_damaged_first_page (Fixture      *fixture,
                         gconstpointer data)
{
  g_autofree char *corrupt = NULL;

  append_many (fixture, 100);
  reopen (fixture);
  damage (fixture->path, 100, PAGE - 100);

  append_many (fixture, 1);
  corrupt = dup_corrupt_file (fixture);
  g_assert_nonnull (corrupt);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->pending, ==, 1);
  assert_counters_true (fixture);
}

/* Ids go on where they were, though no row is left to tell. */
static void
test_numbering (Fixture      *fixture,
                gconstpointer data)
{
  append_many (fixture, 500);
  {
    g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

    lamp_test_db_run (db, "DELETE FROM queue WHERE id > 3");
  }
  reopen (fixture);
  {
    g_autoptr (GArray) leaves = find_leaves (fixture->path);

    damage (fixture->path, g_array_index (leaves, gsize, 0), PAGE);
  }

  read_everything (fixture);
  append_many (fixture, 1);
  {
    g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);

    g_assert_cmpint (lamp_test_db_int (db, "SELECT max (id) FROM queue"), ==, 501);
  }
}

/* An empty file is what SQLite makes before its first commit. */
static void
test_empty_is_new (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *corrupt = NULL;

  g_assert_true (g_file_set_contents (fixture->path, "", 0, NULL));
  append_many (fixture, 1);
  corrupt = dup_corrupt_file (fixture);
  g_assert_null (corrupt);
}

/* The power went between the two renames: the salvaged file is found at the next start. */
static void
test_half_mended (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree char *salvage = g_strconcat (fixture->path, ".salvage", NULL);

  g_autofree char *wal = g_strconcat (fixture->path, "-wal", NULL);

  append_many (fixture, 5);
  reopen (fixture);
  g_assert_cmpint (g_rename (fixture->path, salvage), ==, 0);
  g_assert_true (g_file_set_contents (wal, "a log of the damaged file", -1, NULL));

  append_many (fixture, 1);
  g_assert_cmpuint (lamp_queue_get_tally (fixture->queue)->pending, ==, 6);
  g_assert_false (g_file_test (salvage, G_FILE_TEST_EXISTS));
}

/* --- guards ------------------------------------------------------------- */

static void
test_open_folder (Fixture      *fixture,
                  gconstpointer data)
{
  g_assert_cmpint (g_chmod (fixture->folder, GPOINTER_TO_INT (data)), ==, 0);
  assert_refused (fixture, "chmod go-w");
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));

  g_assert_cmpint (g_chmod (fixture->folder, 0700), ==, 0);
  append_many (fixture, 1);
}

static void
test_own_link (Fixture      *fixture,
               gconstpointer data)
{
  g_autofree char *target = g_build_filename (fixture->folder, "elsewhere.db", NULL);

  g_assert_cmpint (symlink (target, fixture->path), ==, 0);
  append_many (fixture, 1);
  g_assert_true (g_file_test (target, G_FILE_TEST_IS_REGULAR));
}

static void
test_foreign_link (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *target = g_build_filename (fixture->folder, "elsewhere.db", NULL);

  if (geteuid () != 0)
    {
      g_test_skip ("Only root can make a link that is somebody else's");
      return;
    }

  g_assert_cmpint (symlink (target, fixture->path), ==, 0);
  g_assert_cmpint (lchown (fixture->path, NOBODY, NOBODY), ==, 0);
  assert_refused (fixture, "symbolic link");
  g_assert_false (g_file_test (target, G_FILE_TEST_EXISTS));
}

#define ADD(path, data, function)                                                                  \
  g_test_add ("/salvage/" path, Fixture, GINT_TO_POINTER (data), set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("puts-aside-what-is-no-database", 0, test_not_a_database);
  ADD ("saves-all-outside-damaged-pages", 0, test_damaged_leaves);
  ADD ("saves-what-a-truncated-file-has", 0, test_truncated);
  ADD ("notices-a-cut-page", 0, test_cut_page);
  ADD ("goes-on-without-a-first-page", 0, test_damaged_first_page);
  ADD ("goes-on-counting", 0, test_numbering);
  ADD ("takes-an-empty-file-for-new", 0, test_empty_is_new);
  ADD ("finishes-what-a-power-cut-left", 0, test_half_mended);
  ADD ("refuses-a-folder-open-to-all", 0777, test_open_folder);
  ADD ("refuses-a-folder-open-to-a-group", 0770, test_open_folder);
  ADD ("follows-the-persons-own-link", 0, test_own_link);
  ADD ("refuses-somebody-elses-link", 0, test_foreign_link);

  return g_test_run ();
}
