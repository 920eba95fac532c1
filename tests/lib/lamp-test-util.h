/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>
#include <sqlite3.h>

#include "lamp-event.h"

G_BEGIN_DECLS

/* Small things that many tests need. All of them end the test where they fail. */

/* A sanitizer makes everything slower, many times over, and needs no large numbers. */
#ifdef __SANITIZE_ADDRESS__
#define LAMP_TEST_SANITIZED 1
#else
#define LAMP_TEST_SANITIZED 0
#endif

/* The other program that writes the queue's file, for g_autoptr. */
typedef struct sqlite3 LampTestDb;

/**
 * lamp_test_folder_new:
 *
 * Returns: (transfer full): the path of a new, empty folder, for lamp_test_folder_free()
 */
char       *lamp_test_folder_new     (void);

/**
 * lamp_test_folder_free:
 * @folder: (transfer full): a folder
 *
 * Removes a folder with everything in it.
 */
void        lamp_test_folder_free    (char             *folder);

/**
 * lamp_test_dup_shared_file:
 * @name: a file of spec-kitty's real data
 *
 * Returns: (transfer full) (nullable): its path, or %NULL where the data is absent;
 *   then the test was skipped
 */
char       *lamp_test_dup_shared_file (const char       *name);

/**
 * lamp_test_get_mode:
 *
 * Returns: the permissions of a file
 */
guint       lamp_test_get_mode       (const char       *path);

/**
 * lamp_test_wait_until:
 * @condition: an expression
 *
 * Iterates the main context until @condition holds; not in 60 s: the test fails.
 */
#define lamp_test_wait_until(condition)                                                           \
  G_STMT_START                                                                                    \
  {                                                                                               \
    guint lamp_test_watchdog = lamp_test_watch (#condition);                                      \
                                                                                                  \
    while (!(condition))                                                                          \
      g_main_context_iteration (NULL, TRUE);                                                      \
    g_source_remove (lamp_test_watchdog);                                                         \
  }                                                                                               \
  G_STMT_END

/**
 * lamp_test_finalize:
 * @object: (transfer full): an object
 *
 * Gives up the last reference; work that is under way may keep the object a little.
 */
#define lamp_test_finalize(object)                                                                \
  G_STMT_START                                                                                    \
  {                                                                                               \
    gpointer lamp_test_object = (object);                                                         \
                                                                                                  \
    g_object_add_weak_pointer (lamp_test_object, &lamp_test_object);                              \
    g_object_unref (lamp_test_object);                                                            \
    lamp_test_wait_until (lamp_test_object == NULL);                                              \
  }                                                                                               \
  G_STMT_END

guint       lamp_test_watch          (const char       *what);

/**
 * lamp_test_result_cb:
 * @user_data: a GAsyncResult **, where a reference to @result goes
 */
void        lamp_test_result_cb      (GObject          *source,
                                      GAsyncResult     *result,
                                      gpointer          user_data);

/**
 * lamp_test_launcher_new:
 *
 * What a test starts ends with it, even if it fails or is killed: nothing is left behind
 * that keeps its output open, for which whoever reads that would wait. (On Linux; to be
 * used in the main thread, since it is the thread whose end counts.)
 *
 * Returns: (transfer full): a launcher
 */
GSubprocessLauncher *lamp_test_launcher_new (GSubprocessFlags flags);

/**
 * lamp_test_bus_up:
 *
 * Starts a bus that ends with the test, even if that fails: g_test_dbus_up() alone does so
 * for the first bus only.
 */
void        lamp_test_bus_up         (GTestDBus        *bus);

/**
 * lamp_test_db_open:
 *
 * Returns: (transfer full): a connection of its own to a file, as the other tool opens one
 */
LampTestDb *lamp_test_db_open        (const char       *path);

void        lamp_test_db_close       (LampTestDb       *db);

void        lamp_test_db_run         (LampTestDb       *db,
                                      const char       *sql);

gint64      lamp_test_db_int         (LampTestDb       *db,
                                      const char       *sql);

/**
 * lamp_test_db_text:
 *
 * Returns: (transfer full): all columns of all rows; | between columns, a line break
 *   after each row
 */
char       *lamp_test_db_text        (LampTestDb       *db,
                                      const char       *sql);

/**
 * lamp_test_db_check:
 *
 * Holds what a queue's file tells of itself against a full scan: its counters are right,
 * each row has one state, and those that are failed, and no others, have a reason.
 *
 * Returns: (transfer full): what is wrong, a line each; empty if nothing is
 */
char       *lamp_test_db_check       (LampTestDb       *db);

/**
 * lamp_test_db_assert_sound:
 *
 * Fails the test if the file is not whole, or if lamp_test_db_check() finds something.
 */
void        lamp_test_db_assert_sound (LampTestDb      *db);

/**
 * lamp_test_catch_warnings:
 *
 * From now on warnings that were expected are kept quiet; others end the test. To be
 * called once, before the first message. (g_test_expect_message() knows nothing of
 * structured messages.)
 */
void        lamp_test_catch_warnings (void);

/**
 * lamp_test_expect_warning:
 * @pattern: a glob for the whole message
 */
void        lamp_test_expect_warning (const char       *pattern);

/**
 * lamp_test_assert_warned:
 *
 * Fails the test if a warning that was expected has not come.
 */
void        lamp_test_assert_warned  (void);

/**
 * lamp_test_event:
 * @payload: (nullable): a JSON object; %NULL for an empty one
 *
 * Returns: (transfer full): an event of the node "test-node"
 */
LampEvent  *lamp_test_event          (const char       *mission_id,
                                      const char       *event_type,
                                      const char       *payload);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampTestDb, lamp_test_db_close)

G_END_DECLS
