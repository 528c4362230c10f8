"""The history of pictures: adding, finding, rating, and making the index anew from the files."""
