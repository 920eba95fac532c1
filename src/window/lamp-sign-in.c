/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-sign-in.h"

#include "lamp-connection.h"

struct _LampSignIn
{
  AdwWindow parent_instance;

  LampConnection *connection;
};

G_DEFINE_FINAL_TYPE (LampSignIn, lamp_sign_in, ADW_TYPE_WINDOW)

static void
lamp_sign_in_dispose (GObject *object)
{
  gtk_widget_dispose_template (GTK_WIDGET (object), LAMP_TYPE_SIGN_IN);

  G_OBJECT_CLASS (lamp_sign_in_parent_class)->dispose (object);
}

static void
lamp_sign_in_class_init (LampSignInClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = lamp_sign_in_dispose;

  g_type_ensure (LAMP_TYPE_CONNECTION);
  /* A window of libadwaita has none of itself. */
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_DIALOG);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/lamppost/Lamppost/ui/lamp-sign-in.ui");
  gtk_widget_class_bind_template_child (widget_class, LampSignIn, connection);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
lamp_sign_in_init (LampSignIn *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
lamp_sign_in_new (GtkWindow  *parent,
                  LampClient *client,
                  GSettings  *settings)
{
  LampSignIn *self = g_object_new (LAMP_TYPE_SIGN_IN, "transient-for", parent,
                                   "destroy-with-parent", TRUE, NULL);

  lamp_connection_set_client (self->connection, client, settings);
  lamp_connection_grab_entry (self->connection);

  return GTK_WIDGET (self);
}
