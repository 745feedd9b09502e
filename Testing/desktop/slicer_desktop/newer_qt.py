"""Names that Qt 6 has and Qt 5.15 lacks. Slicer is built with either: a panel must do without them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NEWER: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(text.split())
        for name, text in {
            "QAbstractItemModel": "clearItemData multiData",
            "QAbstractItemView": "keyboardSearchFlags setKeyboardSearchFlags setUpdateThreshold updateThreshold",
            "QAction": "associatedObjects resetEnabled enabledChanged checkableChanged visibleChanged",
            "QCalendarWidget": "clearMaximumDate clearMinimumDate",
            "QCheckBox": "checkStateChanged",
            "QComboBox": "labelDrawingMode setLabelDrawingMode",
            "QCoreApplication": "checkPermission requestPermission",
            "QDateTimeEdit": "setTimeZone timeZone",
            "QDockWidget": "dockLocation setDockLocation",
            "QFile": "supportsMoveToTrash",
            "QFormLayout": "isRowVisible setRowVisible",
            "QGuiApplication": "setBadgeNumber",
            "QHeaderView": "isSortIndicatorClearable setSortIndicatorClearable sortIndicatorClearableChanged",
            "QIODevice": "readLineInto",
            "QIdentityProxyModel": "handleSourceDataChanges handleSourceLayoutChanges",
            "QKeySequenceEdit": "finishingKeyCombinations isClearButtonEnabled maximumSequenceLength "
            "setClearButtonEnabled setFinishingKeyCombinations setMaximumSequenceLength",
            "QLayout": "horizontalSizeConstraint setHorizontalSizeConstraint setSizeConstraints "
            "setVerticalSizeConstraint unsetContentsMargins verticalSizeConstraint",
            "QListWidget": "setSupportedDragActions supportedDragActions",
            "QMenu": "menuInAction",
            "QMessageBox": "options setOption setOptions testOption",
            "QProcess": "failChildProcessModifier setUnixProcessParameters startCommand unixProcessParameters",
            "QShortcut": "keys setKeys",
            "QSocketNotifier": "isValid setSocket",
            "QSortFilterProxyModel": "autoAcceptChildRows autoAcceptChildRowsChanged beginFilterChange endFilterChange "
            "invalidateColumnsFilter invalidateRowsFilter setAutoAcceptChildRows",
            "QStackedLayout": "widgetAdded",
            "QStackedWidget": "widgetAdded",
            "QStyleHints": "accessibility colorScheme colorSchemeChanged contextMenuTrigger menuSelectionWraps "
            "setColorScheme setContextMenuTrigger unsetColorScheme",
            "QTableWidget": "setSupportedDragActions supportedDragActions",
            "QTextDocument": "baselineOffset isLayoutEnabled setBaselineOffset setLayoutEnabled setSubScriptBaseline "
            "setSuperScriptBaseline subScriptBaseline superScriptBaseline",
            "QThread": "isCurrentThread isMainThread serviceLevel setServiceLevel",
            "QTimer": "id intervalAsDuration remainingTimeAsDuration",
            "QTreeWidget": "setSupportedDragActions supportedDragActions",
            "QWidget": "accessibleIdentifier setAccessibleIdentifier",
        }.items()
    }
)


def is_newer(kind: type, name: str) -> bool:
    """Whether the name is one that the class, or a base of it, got with Qt 6."""
    return any(name in NEWER.get(each.__name__, ()) for each in kind.__mro__)
