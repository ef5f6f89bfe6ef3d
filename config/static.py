from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):
    """Hashed and compressed static files, with the imports of ES modules rewritten to the hashed names."""

    support_js_module_import_aggregation = True
