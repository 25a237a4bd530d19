"""The id of an image and the names of the classes.

In a module without imports, because scoring needs them and starts in less than half a second.
"""

#: The id of an image, as a regular expression.
ISIC_ID = 'ISIC_[0-9]{7}'

MELANOMA = 'melanoma'
#: Names of the categories of a prepared data set; ids count from 1 in this order.
CATEGORIES = {'lesion': ('lesion',), 'diagnosis': ('benign', MELANOMA)}
