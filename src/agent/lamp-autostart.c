/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-autostart.h"
#include "lamp-sandbox.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#define KEY "autostart"
#define GROUP G_KEY_FILE_DESKTOP_GROUP
#define NAME LAMP_APPLICATION_ID ".desktop"

#define FOLDER_MODE 0700

struct _LampAutostart
{
  GObject parent_instance;

  GSettings *settings; /* (owned) */
  char *path;          /* (owned) the person's file */
  char *program;       /* (owned) */
  gboolean working;    /* on the file */
  gboolean started;    /* the file was looked at once */
};

G_DEFINE_FINAL_TYPE (LampAutostart, lamp_autostart, G_TYPE_OBJECT)

/* What a thread is to do, and what it has found. */
typedef struct
{
  char *path;    /* (owned) */
  char *program; /* (owned) */
  gboolean wanted;
  gboolean careful; /* leave alone what a person has switched off */
  gboolean switched_off;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;

  g_free (job->path);
  g_free (job->program);
  g_free (job);
}

gboolean
lamp_autostart_is_supported (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  return g_strcmp0 (program, LAMP_BIN_DIR "/lamppost-agent") == 0 && !lamp_sandbox_is_around ();
}

/* --- in a thread -------------------------------------------------------- */

static char *
dup_contents (const Job *job)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *command = strchr (job->program, ' ') != NULL
                               ? g_strdup_printf ("\"%s\"", job->program)
                               : g_strdup (job->program);

  g_key_file_set_string (file, GROUP, G_KEY_FILE_DESKTOP_KEY_TYPE, "Application");
  g_key_file_set_string (file, GROUP, G_KEY_FILE_DESKTOP_KEY_NAME, _("Lamppost"));
  g_key_file_set_string (file, GROUP, G_KEY_FILE_DESKTOP_KEY_COMMENT,
                         _("Keeps events and brings them to the team server"));
  /* Once Lamppost is uninstalled, desktops pass over the file. */
  g_key_file_set_string (file, GROUP, G_KEY_FILE_DESKTOP_KEY_TRY_EXEC, job->program);
  g_key_file_set_string (file, GROUP, G_KEY_FILE_DESKTOP_KEY_EXEC, command);
  g_key_file_set_string (file, GROUP, G_KEY_FILE_DESKTOP_KEY_ICON, LAMP_APPLICATION_ID);
  g_key_file_set_boolean (file, GROUP, G_KEY_FILE_DESKTOP_KEY_NO_DISPLAY, TRUE);
  if (!job->wanted)
    g_key_file_set_boolean (file, GROUP, G_KEY_FILE_DESKTOP_KEY_HIDDEN, TRUE);

  return g_key_file_to_data (file, NULL, NULL);
}

/* Desktops switch a file off by one of these. */
static gboolean
is_switched_off (const char *path)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  gboolean enabled;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return FALSE;

  if (g_key_file_get_boolean (file, GROUP, G_KEY_FILE_DESKTOP_KEY_HIDDEN, NULL))
    return TRUE;

  enabled = g_key_file_get_boolean (file, GROUP, "X-GNOME-Autostart-enabled", &error);

  return error == NULL && !enabled;
}

static gboolean
write_file (Job     *job,
            GError **error)
{
  g_autofree char *contents = dup_contents (job);
  g_autofree char *present = NULL;
  g_autofree char *folder = g_path_get_dirname (job->path);

  if (g_file_get_contents (job->path, &present, NULL, NULL) && g_str_equal (present, contents))
    return TRUE;

  if (g_mkdir_with_parents (folder, FOLDER_MODE) != 0)
    {
      g_set_error (error, G_FILE_ERROR, (int) g_file_error_from_errno (errno), "%s: %s", folder,
                   g_strerror (errno));
      return FALSE;
    }

  return g_file_set_contents (job->path, contents, -1, error);
}

static gboolean
remove_file (Job     *job,
             GError **error)
{
  if (g_unlink (job->path) == 0 || errno == ENOENT)
    return TRUE;

  g_set_error (error, G_FILE_ERROR, (int) g_file_error_from_errno (errno), "%s: %s", job->path,
               g_strerror (errno));

  return FALSE;
}

/* A file for all persons, which holds where this one has none. */
static gboolean
is_installed (void)
{
  for (const char *const *folder = g_get_system_config_dirs (); *folder != NULL; folder++)
    {
      g_autofree char *path = g_build_filename (*folder, "autostart", NAME, NULL);

      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return TRUE;
    }

  return FALSE;
}

static void
work (GTask        *task,
      gpointer      source,
      gpointer      task_data,
      GCancellable *cancellable)
{
  Job *job = task_data;
  GError *error = NULL;
  gboolean done;

  job->switched_off = job->careful && is_switched_off (job->path);
  if (job->switched_off)
    done = TRUE;
  else if (job->wanted == is_installed ())
    done = remove_file (job, &error);
  else
    done = write_file (job, &error);

  if (done)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* --- in the main loop --------------------------------------------------- */

static void apply (LampAutostart *self);

static void
worked_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  LampAutostart *self = LAMP_AUTOSTART (source);
  const Job *job = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;

  self->working = FALSE;
  self->started = TRUE;
  if (!g_task_propagate_boolean (G_TASK (result), &error))
    g_warning ("Starting at login can’t be switched %s: %s", job->wanted ? "on" : "off",
               error->message);

  if (job->switched_off)
    g_settings_set_boolean (self->settings, KEY, FALSE);
  else if (g_settings_get_boolean (self->settings, KEY) != job->wanted)
    apply (self);
}

/* One at a time, so that the last one counts. */
static void
apply (LampAutostart *self)
{
  g_autoptr (GTask) task = NULL;
  Job *job = NULL;

  if (self->working)
    return;

  self->working = TRUE;
  job = g_new0 (Job, 1);
  job->path = g_strdup (self->path);
  job->program = g_strdup (self->program);
  job->wanted = g_settings_get_boolean (self->settings, KEY);
  job->careful = !self->started && job->wanted;

  task = g_task_new (self, NULL, worked_cb, NULL);
  g_task_set_source_tag (task, apply);
  g_task_set_task_data (task, job, job_free);
  g_task_run_in_thread (task, work);
}

static void
lamp_autostart_dispose (GObject *object)
{
  g_clear_object (&LAMP_AUTOSTART (object)->settings);

  G_OBJECT_CLASS (lamp_autostart_parent_class)->dispose (object);
}

static void
lamp_autostart_finalize (GObject *object)
{
  LampAutostart *self = LAMP_AUTOSTART (object);

  g_free (self->path);
  g_free (self->program);

  G_OBJECT_CLASS (lamp_autostart_parent_class)->finalize (object);
}

static void
lamp_autostart_class_init (LampAutostartClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_autostart_dispose;
  object_class->finalize = lamp_autostart_finalize;
}

static void
lamp_autostart_init (LampAutostart *self)
{
}

LampAutostart *
lamp_autostart_new (GSettings  *settings,
                    const char *folder,
                    const char *program)
{
  LampAutostart *self = NULL;

  g_return_val_if_fail (G_IS_SETTINGS (settings), NULL);
  g_return_val_if_fail (folder != NULL, NULL);
  g_return_val_if_fail (program != NULL, NULL);

  self = g_object_new (LAMP_TYPE_AUTOSTART, NULL);
  self->settings = g_object_ref (settings);
  self->path = g_build_filename (folder, NAME, NULL);
  self->program = g_strdup (program);
  g_signal_connect_object (settings, "changed::" KEY, G_CALLBACK (apply), self, G_CONNECT_SWAPPED);
  apply (self);

  return self;
}
