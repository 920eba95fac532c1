/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-exporter.h"

struct _LampMenuExporter
{
  GObject parent_instance;

  GMenuModel *menu;      /* (owned) */
  GActionGroup *actions; /* (owned) */
};

G_DEFINE_FINAL_TYPE (LampMenuExporter, lamp_menu_exporter, G_TYPE_OBJECT)

static void
lamp_menu_exporter_dispose (GObject *object)
{
  LampMenuExporter *self = LAMP_MENU_EXPORTER (object);

  g_clear_object (&self->menu);
  g_clear_object (&self->actions);

  G_OBJECT_CLASS (lamp_menu_exporter_parent_class)->dispose (object);
}

static void
lamp_menu_exporter_class_init (LampMenuExporterClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = lamp_menu_exporter_dispose;

  g_signal_new ("opened", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 0);
}

static void
lamp_menu_exporter_init (LampMenuExporter *self)
{
}

LampMenuExporter *
lamp_menu_exporter_new (GMenuModel   *menu,
                        GActionGroup *actions)
{
  LampMenuExporter *self;

  g_return_val_if_fail (G_IS_MENU_MODEL (menu), NULL);
  g_return_val_if_fail (G_IS_ACTION_GROUP (actions), NULL);

  self = g_object_new (LAMP_TYPE_MENU_EXPORTER, NULL);
  self->menu = g_object_ref (menu);
  self->actions = g_object_ref (actions);

  return self;
}

gboolean
lamp_menu_exporter_export (LampMenuExporter *self,
                           GDBusConnection  *connection,
                           const char       *object_path,
                           GError          **error)
{
  return TRUE;
}

void
lamp_menu_exporter_unexport (LampMenuExporter *self)
{
}

void
lamp_menu_exporter_set_status (LampMenuExporter *self,
                               const char       *status)
{
}
