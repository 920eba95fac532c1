/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-icons.h"

#ifdef LAMP_TRAY_PIXMAP_SIZES
#include "lamp-tray-pixmaps.h"
#endif

#include <gio/gio.h>

char *
lamp_tray_icons_dup_name (const char *icon)
{
  return g_strdup_printf ("%s-%s-symbolic", LAMP_APPLICATION_ID, icon);
}

GVariant *
lamp_tray_icons_no_pixmap (void)
{
  return g_variant_new_array (G_VARIANT_TYPE ("(iiay)"), NULL, 0);
}

#ifdef LAMP_TRAY_PIXMAP_SIZES

#define RESOURCE_FOLDER "/io/github/lamppost/Lamppost/tray/"

/* In the order in which the build puts them into a file (see meson.build). */
static const int sizes[] = { LAMP_TRAY_PIXMAP_SIZES };

static gboolean
is_in (const char *data_folder)
{
  g_autofree char *path = g_build_filename (data_folder, "icons", "hicolor", "symbolic", "apps",
                                            LAMP_APPLICATION_ID "-online-symbolic.svg", NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

gboolean
lamp_tray_icons_are_installed (void)
{
  const char *const *folders = g_get_system_data_dirs ();

  if (is_in (g_get_user_data_dir ()))
    return TRUE;

  for (gsize i = 0; folders[i] != NULL; i++)
    if (is_in (folders[i]))
      return TRUE;

  return FALSE;
}

GVariant *
lamp_tray_icons_load_pixmap (const char *icon)
{
  g_autofree char *path = g_strconcat (RESOURCE_FOLDER, icon, ".argb", NULL);
  GResource *resource = lamp_tray_pixmaps_get_resource ();
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(iiay)"));
  g_autoptr (GBytes) pixels = g_resource_lookup_data (resource, path, G_RESOURCE_LOOKUP_FLAGS_NONE,
                                                      NULL);
  gsize offset = 0;

  g_return_val_if_fail (pixels != NULL, lamp_tray_icons_no_pixmap ());

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      gsize length = (gsize) sizes[i] * sizes[i] * 4;
      g_autoptr (GBytes) picture = g_bytes_new_from_bytes (pixels, offset, length);

      g_variant_builder_add (&builder, "(ii@ay)", sizes[i], sizes[i],
                             g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, picture, TRUE));
      offset += length;
    }

  return g_variant_builder_end (&builder);
}

#else /* built without pictures, so that names are all there is */

gboolean
lamp_tray_icons_are_installed (void)
{
  return TRUE;
}

GVariant *
lamp_tray_icons_load_pixmap (const char *icon)
{
  return lamp_tray_icons_no_pixmap ();
}

#endif
