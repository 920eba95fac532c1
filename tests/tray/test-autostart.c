/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-autostart.h"
#include "lamp-settings.h"
#include "lamp-test-util.h"

#include <glib/gstdio.h>
#include <string.h>

#define KEY "autostart"
#define PROGRAM "/opt/lamp post/lamppost-agent"

typedef struct
{
  char *folder; /* (owned) */
  char *path;   /* (owned) of the file */
  GSettings *settings;
  LampAutostart *autostart;
} Fixture;

static gboolean
wake_up_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Its work keeps it alive, and the end of a thread wakes up nobody. */
static void
wait_for_work (Fixture *fixture)
{
  guint tick_id = g_timeout_add (5, wake_up_cb, NULL);

  lamp_test_wait_until (G_OBJECT (fixture->autostart)->ref_count == 1);
  g_source_remove (tick_id);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->folder = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->folder, "autostart", LAMP_APPLICATION_ID ".desktop",
                                    NULL);
  fixture->settings = lamp_settings_new ();
  g_settings_reset (fixture->settings, KEY);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  wait_for_work (fixture);
  g_assert_finalize_object (fixture->autostart);
  g_settings_reset (fixture->settings, KEY);
  g_object_unref (fixture->settings);
  g_free (fixture->path);
  lamp_test_folder_free (fixture->folder);
}

static void
start (Fixture *fixture)
{
  g_autofree char *folder = g_path_get_dirname (fixture->path);

  fixture->autostart = lamp_autostart_new (fixture->settings, folder, PROGRAM);
}

static gboolean
exists (Fixture *fixture)
{
  return g_file_test (fixture->path, G_FILE_TEST_EXISTS);
}

static void
write_file (Fixture    *fixture,
            const char *contents)
{
  g_autofree char *folder = g_path_get_dirname (fixture->path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (fixture->path, contents, -1, &error);
  g_assert_no_error (error);
}

static void
test_follows_the_setting (Fixture      *fixture,
                          gconstpointer data)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *command = NULL;
  g_autoptr (GError) error = NULL;

  start (fixture);
  wait_for_work (fixture);
  g_key_file_load_from_file (file, fixture->path, G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);
  command = g_key_file_get_string (file, G_KEY_FILE_DESKTOP_GROUP, G_KEY_FILE_DESKTOP_KEY_EXEC,
                                   &error);
  g_assert_no_error (error);
  g_assert_cmpstr (command, ==, "\"" PROGRAM "\"");

  g_settings_set_boolean (fixture->settings, KEY, FALSE);
  wait_for_work (fixture);
  g_assert_false (exists (fixture));
}

static void
test_last_change_counts (Fixture      *fixture,
                         gconstpointer data)
{
  start (fixture);
  for (guint i = 0; i < 20; i++)
    g_settings_set_boolean (fixture->settings, KEY, i % 2 == 0);
  wait_for_work (fixture);
  g_assert_false (exists (fixture));

  for (guint i = 0; i < 21; i++)
    g_settings_set_boolean (fixture->settings, KEY, i % 2 == 0);
  wait_for_work (fixture);
  g_assert_true (exists (fixture));
}

/* A file for all persons, as a package installs it. */
static void
test_installed_for_all (Fixture      *fixture,
                        gconstpointer data)
{
  const char *etc = g_get_system_config_dirs ()[0];
  g_autofree char *folder = g_build_filename (etc, "autostart", NULL);
  g_autofree char *path = g_build_filename (folder, LAMP_APPLICATION_ID ".desktop", NULL);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (path, "[Desktop Entry]\n", -1, &error);
  g_assert_no_error (error);

  write_file (fixture, "[Desktop Entry]\nType=Application\n");
  start (fixture);
  wait_for_work (fixture);
  g_assert_false (exists (fixture));

  g_settings_set_boolean (fixture->settings, KEY, FALSE);
  wait_for_work (fixture);
  g_key_file_load_from_file (file, fixture->path, G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);
  g_assert_true (
    g_key_file_get_boolean (file, G_KEY_FILE_DESKTOP_GROUP, G_KEY_FILE_DESKTOP_KEY_HIDDEN, &error));
  g_assert_no_error (error);

  g_settings_set_boolean (fixture->settings, KEY, TRUE);
  wait_for_work (fixture);
  g_assert_false (exists (fixture));
  g_assert_cmpint (g_unlink (path), ==, 0);
}

/* By another program, as the desktop's own tool for this. */
static void
test_switched_off_elsewhere (Fixture      *fixture,
                             gconstpointer data)
{
  static const char *const files[] = {
    "[Desktop Entry]\nHidden=true\n",
    "[Desktop Entry]\nX-GNOME-Autostart-enabled=false\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      write_file (fixture, files[i]);
      g_settings_set_boolean (fixture->settings, KEY, TRUE);
      start (fixture);
      wait_for_work (fixture);
      g_assert_false (g_settings_get_boolean (fixture->settings, KEY));

      /* But here counts what is switched on here. */
      write_file (fixture, files[i]);
      g_settings_set_boolean (fixture->settings, KEY, TRUE);
      wait_for_work (fixture);
      g_assert_true (g_settings_get_boolean (fixture->settings, KEY));
      if (i + 1 < G_N_ELEMENTS (files))
        g_assert_finalize_object (fixture->autostart);
    }
}

static void
test_old_file_is_mended (Fixture      *fixture,
                         gconstpointer data)
{
  g_autofree char *contents = NULL;

  write_file (fixture, "[Desktop Entry]\nExec=/old/lamppost-agent\n");
  start (fixture);
  wait_for_work (fixture);
  g_assert_true (g_file_get_contents (fixture->path, &contents, NULL, NULL));
  g_assert_nonnull (strstr (contents, PROGRAM));
}

static void
test_cant_be_written (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname (fixture->path);

  g_assert_true (g_file_set_contents (folder, "", 0, NULL));
  lamp_test_expect_warning ("Starting at login can’t be switched on: *");
  start (fixture);
  wait_for_work (fixture);
  lamp_test_assert_warned ();
}

/* A program in its build tree may be gone at the next login. */
static void
test_not_from_the_build_tree (void)
{
  g_assert_false (lamp_autostart_is_supported ());
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  char *etc = lamp_test_folder_new ();
  int status;

  /* GLib looks at it once. */
  g_setenv ("XDG_CONFIG_DIRS", etc, TRUE);
  lamp_test_catch_warnings ();
  g_test_init (&argc, &argv, NULL);

  ADD ("/autostart/follows-the-setting", test_follows_the_setting);
  ADD ("/autostart/installed-for-all", test_installed_for_all);
  ADD ("/autostart/last-change-counts", test_last_change_counts);
  ADD ("/autostart/switched-off-elsewhere", test_switched_off_elsewhere);
  ADD ("/autostart/old-file-is-mended", test_old_file_is_mended);
  ADD ("/autostart/cant-be-written", test_cant_be_written);
  g_test_add_func ("/autostart/not-from-the-build-tree", test_not_from_the_build_tree);

  status = g_test_run ();
  lamp_test_folder_free (etc);

  return status;
}
