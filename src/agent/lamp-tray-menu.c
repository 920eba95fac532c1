/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-menu.h"

#include "lamp-menu-exporter.h"
#include "lamp-row.h"

#include <glib/gi18n.h>
#include <inttypes.h>

/* A menu's row has room for about 60 characters. What type and mission leave is the reason's. */
#define ROW_MAX 60
#define TYPE_MAX 20
#define MISSION_MAX 14
#define REASON_MIN 20

/* What stands between them: " · " and ": ". */
#define BETWEEN 5

struct _LampTrayMenu
{
  GObject parent_instance;

  GMenu *model;  /* (owned) */
  GMenu *first;  /* (owned) the section with the summary */
  GMenu *replay; /* (owned) the section with what is to be resent */
  GMenu *failed; /* (owned) the section with failed events */
  char *summary; /* (owned) */
  guint64 n_failed;
};

G_DEFINE_FINAL_TYPE (LampTrayMenu, lamp_tray_menu, G_TYPE_OBJECT)

/* Rows that change, by their places in their sections. */
enum
{
  SUMMARY_ROW = 0,
  RESEND_ROW = 1,
};

/* The id keeps a row the same one for hosts when its label changes. */
static GMenuItem *
item_new (const char *id,
          const char *label,
          const char *action)
{
  GMenuItem *item = g_menu_item_new (label, NULL);

  g_menu_item_set_attribute (item, LAMP_MENU_ATTRIBUTE_ID, "s", id);
  if (action != NULL)
    g_menu_item_set_attribute (item, G_MENU_ATTRIBUTE_ACTION, "s", action);

  return item;
}

static void
append (GMenu      *menu,
        const char *label,
        const char *action)
{
  g_autoptr (GMenuItem) item = item_new (action, label, action);

  g_menu_append_item (menu, item);
}

static void
replace (GMenu     *menu,
         int        position,
         GMenuItem *item)
{
  g_menu_remove (menu, position);
  g_menu_insert_item (menu, position, item);
}

void
lamp_tray_menu_set_summary (LampTrayMenu *self,
                            const char   *summary)
{
  g_autofree char *label = NULL;
  g_autoptr (GMenuItem) item = NULL;

  g_return_if_fail (LAMP_IS_TRAY_MENU (self));
  g_return_if_fail (summary != NULL);

  if (g_str_equal (self->summary, summary))
    return;

  g_free (self->summary);
  self->summary = g_strdup (summary);
  label = lamp_menu_escape_label (summary);
  item = item_new ("summary", label, NULL);
  replace (self->first, SUMMARY_ROW, item);
}

static GMenuItem *
resend_item_new (guint64 n_failed)
{
  g_autofree char *label = NULL;

  if (n_failed == 0)
    return item_new ("tray.resend-failed", _("Resend _failed"), "tray.resend-failed");

  label = g_strdup_printf (_("Resend _failed (%" PRIu64 ")"), n_failed);

  return item_new ("tray.resend-failed", label, "tray.resend-failed");
}

void
lamp_tray_menu_set_failed_count (LampTrayMenu *self,
                                 guint64       count)
{
  g_autoptr (GMenuItem) item = NULL;

  g_return_if_fail (LAMP_IS_TRAY_MENU (self));

  if (self->n_failed == count)
    return;

  self->n_failed = count;
  item = resend_item_new (count);
  replace (self->replay, RESEND_ROW, item);
}

/* --- failed events ------------------------------------------------------ */

static char *
dup_part (const char *text,
          glong       max)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *start = NULL;
  g_autofree char *cut = NULL;

  if (g_utf8_strlen (valid, -1) <= max)
    return lamp_menu_escape_label (valid);

  start = g_utf8_substring (valid, 0, max - 1);
  cut = g_strconcat (start, "…", NULL);

  return lamp_menu_escape_label (cut);
}

static char *
dup_failed_label (const LampRow *row)
{
  const char *message = *row->error_message != '\0' ? row->error_message : row->error_code;
  g_autofree char *type = dup_part (row->event_type, TYPE_MAX);
  g_autofree char *mission = dup_part (row->mission_id, MISSION_MAX);
  glong room = ROW_MAX - BETWEEN - g_utf8_strlen (type, -1) - g_utf8_strlen (mission, -1);
  g_autofree char *reason = dup_part (message, MAX (room, REASON_MIN));

  if (*mission == '\0')
    /* TRANSLATORS: an event's type and why it failed */
    return g_strdup_printf (C_("menu", "%s: %s"), type, reason);

  /* TRANSLATORS: an event's type, its mission and why it failed */
  return g_strdup_printf (_("%s · %s: %s"), type, mission, reason);
}

void
lamp_tray_menu_set_failed (LampTrayMenu *self,
                           GPtrArray    *rows)
{
  g_return_if_fail (LAMP_IS_TRAY_MENU (self));
  g_return_if_fail (rows != NULL);

  g_menu_remove_all (self->failed);
  for (guint i = 0; i < MIN (rows->len, LAMP_TRAY_MENU_FAILED); i++)
    {
      const LampRow *row = g_ptr_array_index (rows, i);
      g_autofree char *label = dup_failed_label (row);
      g_autoptr (GMenuItem) item = item_new (row->event_id, label, NULL);

      g_menu_item_set_action_and_target (item, "tray.resend", "s", row->event_id);
      g_menu_append_item (self->failed, item);
    }
}

/* --- the object --------------------------------------------------------- */

GMenuModel *
lamp_tray_menu_get_model (LampTrayMenu *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY_MENU (self), NULL);

  return G_MENU_MODEL (self->model);
}

static void
lamp_tray_menu_dispose (GObject *object)
{
  LampTrayMenu *self = LAMP_TRAY_MENU (object);

  g_clear_object (&self->model);
  g_clear_object (&self->first);
  g_clear_object (&self->replay);
  g_clear_object (&self->failed);

  G_OBJECT_CLASS (lamp_tray_menu_parent_class)->dispose (object);
}

static void
lamp_tray_menu_finalize (GObject *object)
{
  g_free (LAMP_TRAY_MENU (object)->summary);

  G_OBJECT_CLASS (lamp_tray_menu_parent_class)->finalize (object);
}

static void
lamp_tray_menu_class_init (LampTrayMenuClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_tray_menu_dispose;
  object_class->finalize = lamp_tray_menu_finalize;
}

static GMenuItem *
failed_item_new (LampTrayMenu *self)
{
  g_autoptr (GMenu) submenu = g_menu_new ();
  g_autoptr (GMenu) last = g_menu_new ();
  GMenuItem *item = item_new ("tray.failed", _("Failed _events"), "tray.failed");

  append (last, _("Show _all…"), "tray.show-failed");
  g_menu_append_section (submenu, NULL, G_MENU_MODEL (self->failed));
  g_menu_append_section (submenu, NULL, G_MENU_MODEL (last));
  g_menu_item_set_submenu (item, G_MENU_MODEL (submenu));

  return item;
}

static void
fill_replay (LampTrayMenu *self)
{
  g_autoptr (GMenuItem) resend = resend_item_new (0);
  g_autoptr (GMenuItem) failed = failed_item_new (self);

  append (self->replay, _("_Replay now"), "tray.replay");
  g_menu_append_item (self->replay, resend);
  g_menu_append_item (self->replay, failed);
  append (self->replay, _("_Pause replay"), "tray.paused");
}

static void
lamp_tray_menu_init (LampTrayMenu *self)
{
  g_autoptr (GMenu) settings = g_menu_new ();
  g_autoptr (GMenu) last = g_menu_new ();
  g_autoptr (GMenuItem) summary = item_new ("summary", "", NULL);

  self->model = g_menu_new ();
  self->first = g_menu_new ();
  self->replay = g_menu_new ();
  self->failed = g_menu_new ();
  self->summary = g_strdup ("");

  g_menu_append_item (self->first, summary);
  append (self->first, _("_Open Lamppost"), "tray.open");
  fill_replay (self);
  append (settings, _("Start at _login"), "tray.autostart");
  append (settings, _("Preferen_ces…"), "tray.preferences");
  append (last, _("_Quit"), "tray.quit");

  g_menu_append_section (self->model, NULL, G_MENU_MODEL (self->first));
  g_menu_append_section (self->model, NULL, G_MENU_MODEL (self->replay));
  g_menu_append_section (self->model, NULL, G_MENU_MODEL (settings));
  g_menu_append_section (self->model, NULL, G_MENU_MODEL (last));
}

LampTrayMenu *
lamp_tray_menu_new (void)
{
  return g_object_new (LAMP_TYPE_TRAY_MENU, NULL);
}
