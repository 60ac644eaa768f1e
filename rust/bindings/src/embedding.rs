//! Static embeddings.

use std::path::PathBuf;
use std::sync::Arc;

use ecology_core::text::{EmbeddingError, StaticEmbedding as Table};
use ecology_learn::{self as learn, DistilOptions, Rows};
use ecology_runtime::artifact::embedding::{EmbeddingFile, share};
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors;
use crate::learn::{refused, teller};

/// A vector per word piece, distilled from a sentence encoder: texts in, unit vectors out, in microseconds and without a network.
#[pyclass(frozen, module = "ecology")]
pub(crate) struct StaticEmbedding {
    table: Arc<Table>,
    provenance: String,
}

impl StaticEmbedding {
    /// One that came inside another file, which does not say what it was made from.
    pub(crate) fn carried(table: Arc<Table>) -> Self {
        Self { table, provenance: "{}".to_owned() }
    }

    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }
}

/// How often each word piece is in each of many texts: what a static embedding is distilled from.
#[pyclass(frozen, module = "ecology._core")]
pub(crate) struct PieceCounts {
    rows: Rows,
    pieces: usize,
}

#[pymethods]
impl PieceCounts {
    /// Counts `pieces` in each of `texts`, all of it, and brings each row to L2 norm 1. Raises ValueError.
    #[new]
    fn new(py: Python<'_>, pieces: Vec<String>, texts: Vec<Bound<'_, PyString>>) -> PyResult<Self> {
        let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
        let (count, ones) = (pieces.len(), vec![1.0; pieces.len()]);
        let rows = py.detach(|| {
            let table = Table::new(&pieces, &vec![0; count], &ones, &ones)?;
            Ok::<_, EmbeddingError>(learn::piece_counts(&table, &texts))
        });
        Ok(Self { rows: rows.map_err(refused)?, pieces: count })
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// The counts times `table` (float32 [pieces, columns]): float32 [texts, columns].
    fn project<'py>(
        &self,
        py: Python<'py>,
        table: PyReadonlyArray2<'py, f32>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (columns, table) = self.read(&table)?;
        let product = py.detach(|| learn::project(&self.rows, &table, columns)).map_err(refused)?;
        PyArray1::from_vec(py, product).reshape([self.rows.len(), columns])
    }

    /// The table W, float32 [pieces, columns], that minimises ‖counts · W − targets‖² + lambda_ ‖W − prior‖², by `steps` steps of conjugate
    /// gradients. `progress` is called with numbers that rise to 1. Raises ValueError.
    #[pyo3(signature = (targets, prior, lambda_=0.3, steps=25, progress=None))]
    fn distil<'py>(
        &self,
        py: Python<'py>,
        targets: PyReadonlyArray2<'py, f32>,
        prior: PyReadonlyArray2<'py, f32>,
        lambda_: f32,
        steps: u32,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (columns, prior) = self.read(&prior)?;
        let targets: Vec<f32> = targets.as_array().iter().copied().collect();
        let (options, tell) = (DistilOptions { lambda: lambda_, steps }, teller(progress));
        let solve = || learn::distil(&self.rows, &targets, &prior, columns, &options, &tell);
        let table = py.detach(solve).map_err(refused)?;
        PyArray1::from_vec(py, table).reshape([self.pieces, columns])
    }
}

impl PieceCounts {
    fn read(&self, table: &PyReadonlyArray2<'_, f32>) -> PyResult<(usize, Vec<f32>)> {
        let (rows, columns) = table.as_array().dim();
        if rows != self.pieces {
            return Err(refused(format!("a table of {rows} rows for {} pieces", self.pieces)));
        }
        Ok((columns, table.as_array().iter().copied().collect()))
    }
}

#[pymethods]
impl StaticEmbedding {
    /// Takes int8 rows [pieces, dimensions], float32 scales and weights [pieces]: a piece adds `weight * scale * row` to its text. A piece
    /// that begins with `##` goes on within a word. `provenance` is JSON. Raises ValueError.
    #[new]
    #[pyo3(signature = (pieces, rows, scales, weights, provenance="{}"))]
    fn new(
        py: Python<'_>,
        pieces: Vec<String>,
        rows: PyReadonlyArray2<'_, i8>,
        scales: PyReadonlyArray1<'_, f32>,
        weights: PyReadonlyArray1<'_, f32>,
        provenance: &str,
    ) -> PyResult<Self> {
        let (count, _) = rows.as_array().dim();
        if count != pieces.len() {
            let problem = format!("{} pieces for {count} rows", pieces.len());
            return Err(PyValueError::new_err(problem));
        }
        let flat: Vec<i8> = rows.as_array().iter().copied().collect();
        let (scales, weights) = (scales.to_vec()?, weights.to_vec()?);
        let table = py.detach(|| Table::new(&pieces, &flat, &scales, &weights).map(share));
        let table = table.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { table, provenance: provenance.to_owned() })
    }

    /// Reads a file. Raises ArtifactError if it is not a static embedding of this format.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let read = py.detach(|| EmbeddingFile::read(&path));
        let file = read.map_err(|error| errors::artifact(py, &path.display().to_string(), &error))?;
        Ok(Self { table: file.table, provenance: file.provenance })
    }

    /// Writes a file, whole or not at all, and returns its SHA-256.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<String> {
        let written = py.detach(|| EmbeddingFile::write(&path, &self.table, &self.provenance));
        written.map_err(|error| errors::artifact(py, &path.display().to_string(), &error))
    }

    /// The vectors of `texts`: float32 [len(texts), dimensions], each of L2 norm 1, or 0 for a text without known pieces. Of a text
    /// above 16 KiB, the first and the last half of that are read.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let texts = texts.iter().map(|text| text.to_str()).collect::<PyResult<Vec<&str>>>()?;
        let rows = py.detach(|| ecology_runtime::batch::in_parallel(&texts, |text| self.table.vector(text)));
        PyArray1::from_vec(py, rows.concat()).reshape([texts.len(), self.table.dimensions()])
    }

    /// The word pieces of a text.
    fn pieces(&self, text: &str) -> Vec<&str> {
        let all: Vec<&str> = self.table.pieces().collect();
        let mut rows = Vec::new();
        self.table.pieces_into(text, &mut rows);
        rows.into_iter().map(|row| all[row as usize]).collect()
    }

    /// The row of each word piece of a text: uint32 [n].
    fn piece_rows<'py>(&self, py: Python<'py>, text: &str) -> Bound<'py, PyArray1<u32>> {
        let mut rows = Vec::new();
        self.table.pieces_into(text, &mut rows);
        PyArray1::from_vec(py, rows)
    }

    /// The piece of each row.
    #[getter]
    fn vocabulary(&self) -> Vec<&str> {
        self.table.pieces().collect()
    }

    /// Length of a vector.
    #[getter]
    fn dimensions(&self) -> usize {
        self.table.dimensions()
    }

    /// SHA-256 of pieces, rows, scales and weights: what a feature spec names it by.
    #[getter]
    fn digest(&self) -> &str {
        self.table.digest()
    }

    /// What it was made from, as JSON.
    #[getter]
    fn provenance(&self) -> &str {
        &self.provenance
    }

    fn __len__(&self) -> usize {
        self.table.len()
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.table.digest() == other.table.digest()
    }

    fn __hash__(&self) -> u64 {
        self.table.digest().bytes().take(16).fold(0, |hash, byte| hash << 4 ^ u64::from(byte))
    }

    fn __repr__(&self) -> String {
        let (pieces, dimensions) = (self.table.len(), self.table.dimensions());
        format!("StaticEmbedding(pieces={pieces}, dimensions={dimensions}, digest={:?})", self.table.digest())
    }
}
