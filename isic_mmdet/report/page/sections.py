"""The parts of the report that need no plot: confusion matrix and provenance."""

from isic_mmdet.report.confusion import Confusion
from isic_mmdet.report.page.evaluation import Evaluation
from isic_mmdet.report.page.markup import Markup, details, element, join, percent, table
from isic_mmdet.report.run_files import training_data


def confusion_section(evaluation: Evaluation) -> Markup | None:
    """Return the confusion matrix of data of several classes, None for others."""
    confusion = Confusion.of(evaluation.metrics)
    if confusion is None:
        return None
    columns = confusion.columns
    rows = []
    for index, (name, total) in enumerate(zip(confusion.classes, confusion.images, strict=True)):
        cells = [
            [element('b', int(counts[index])), f' ({percent(counts[index] / total)})']
            if total
            else element('b', int(counts[index]))
            for counts in columns.values()
        ]
        rows.append([f'truth: {name}', *cells, int(total)])
    head = ['', *(f'predicted: {name}' for name in columns), 'images']
    return element(
        'section',
        element('h2', 'Confusion matrix', id='confusion'),
        table(head, rows, 'Class of the highest-scoring detection; shares are of the row'),
    )


def provenance_section(evaluation: Evaluation) -> Markup:
    """Return where the numbers come from."""
    find = evaluation.find
    seconds = find('training', 'seconds')
    versions = find('versions') or {}
    facts = {
        'config': find('config'),
        'data': ' '.join(str(find(key)) for key in ('data', 'split') if find(key)),
        'checkpoint': find('checkpoint'),
        'SHA-256 of the checkpoint': find('checkpoint_sha256'),
        'epoch': find('epoch'),
        'trained from': find('training', 'weights'),
        'trained on': training_data(find('training')),
        'seed': find('seed'),
        'training command': _command(find('training', 'command')),
        'training hardware': find('training', 'hardware'),
        'training time': None if seconds is None else f'{seconds / 60:.1f} minutes',
        'evaluation command': _command(find('command')),
        'evaluation hardware': find('hardware'),
        'date': find('date'),
        'versions': ', '.join(f'{name} {version}' for name, version in versions.items()),
    }
    entries = [
        [element('dt', name), element('dd', value)]
        for name, value in facts.items()
        if value is not None and value != ''
    ]
    everything = [[name, value] for name, value in evaluation.metrics['metrics'].items()]
    return element(
        'section',
        element('h2', 'Where the numbers come from', id='provenance'),
        element('dl', join(entries)),
        details('All metrics, as in metrics.json', table(['name', 'value'], everything, 'Metrics')),
    )


def _command(text: str | None) -> Markup | None:
    return None if text is None else element('code', text)
