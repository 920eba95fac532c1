/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include <libsoup/soup.h>
#include <sqlite3.h>

/* The least that an agent could be: a service that has opened libsoup and SQLite, and does
 * nothing. bench-start measures it beside the agent. */

static SoupSession *session;
static sqlite3 *db;

static void
startup_cb (GApplication *application)
{
  g_application_hold (application);
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr (GApplication)
    application = g_application_new ("io.github.lamppost.BareService", G_APPLICATION_IS_SERVICE);

  g_assert_cmpint (argc, ==, 2);
  session = soup_session_new ();
  g_assert_cmpint (sqlite3_open (argv[1], &db), ==, SQLITE_OK);
  sqlite3_exec (
    db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; SELECT count (*) FROM sqlite_master",
    NULL, NULL, NULL);
  g_signal_connect (application, "startup", G_CALLBACK (startup_cb), NULL);

  return g_application_run (application, 0, NULL);
}
